"""An app as it is loaded: its functions, their bindings, their invocation."""
