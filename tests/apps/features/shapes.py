"""A custom class that travels between orchestrators, activities and entities."""


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def to_json(self):
        return {"x": self.x, "y": self.y}

    @classmethod
    def from_json(cls, data):
        return cls(data["x"], data["y"])
