async def main(name):
    return len(name)
