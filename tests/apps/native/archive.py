"""Where exported histories are written: files in a folder."""


class FolderWriter:
    """Writes each history as a file named after its instance."""

    def __init__(self, folder):
        self._folder = folder

    def write(self, *, instance_id, payload, **_details):
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / instance_id).write_bytes(payload)
