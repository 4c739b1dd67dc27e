from ..shared import greetings
from ..shared.counting import count_call


def main(name: str) -> str:
    count_call()
    return greetings.greeting(name)
