"""From a bare machine to one with tools, plugins, Docker and a cluster."""
