//! Files of other systems, of every kind, as the import reads them.
#![no_main]

kitbag_fuzz::target!(import);
