calls = {"count": 0}


def count_call():
    calls["count"] += 1
