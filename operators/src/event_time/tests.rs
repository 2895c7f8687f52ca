//! What watermarks become of the splits of a source.
