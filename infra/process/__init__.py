"""The processes: the command's entry point, the web server, commands without a server, logging and shutdown."""
