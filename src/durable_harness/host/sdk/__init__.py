"""What the host asks of azure-functions-durable, whichever generation of it is installed. Nothing here imports one."""
