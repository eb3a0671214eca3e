"""When and where things run: kernel, shells, sockets, configuration."""
