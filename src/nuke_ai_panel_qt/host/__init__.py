"""The door to Nuke: the only package that names it. Main thread."""
