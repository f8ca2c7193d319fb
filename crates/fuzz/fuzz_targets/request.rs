//! Requests on the local socket.
#![no_main]

kitbag_fuzz::target!(request);
