"""What Linux, macOS and Windows do differently, and the way of each.

Only this room asks on which platform it runs, and only here are names used that some platform does not have. It imports
no other room. What a platform cannot do is refused by name.
"""
