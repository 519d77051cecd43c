"""Files on disk: model files, and the checks that let us read a file from a stranger."""
