//! Runs the benchmark's binary as its users do, with Redis on both sides: a script stands in for the server of Mnemon, takes
//! its arguments and becomes a `redis-server`.

mod binary;
mod stand_in;
