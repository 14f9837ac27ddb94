//! The HTTP server over a stand-in of a node with real tables.

mod limits;
mod paths;
mod stand_in;
