"""One module a pane of the Agent screen."""
