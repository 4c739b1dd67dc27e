"""A payload store in a folder: texts of more than a kilobyte are kept in files."""

import uuid

from durabletask.payload import LargePayloadStorageOptions, PayloadStore

PREFIX = "folder:"


class FolderStore(PayloadStore):
    """Keeps payloads as files."""

    def __init__(self, folder):
        self._folder = folder
        self._options = LargePayloadStorageOptions(threshold_bytes=1024)

    @property
    def options(self):
        return self._options

    def upload(self, data, *, instance_id=None):
        self._folder.mkdir(parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        (self._folder / name).write_bytes(data)
        return PREFIX + name

    async def upload_async(self, data, *, instance_id=None):
        return self.upload(data, instance_id=instance_id)

    def download(self, token):
        return (self._folder / token.removeprefix(PREFIX)).read_bytes()

    async def download_async(self, token):
        return self.download(token)

    def is_known_token(self, value):
        return value.startswith(PREFIX)
