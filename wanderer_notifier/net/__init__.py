"""The only place that opens sockets: dialling, HTTP clients and WebSockets with deadlines."""
