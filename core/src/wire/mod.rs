//! What goes over the network: a view and a representation for each message, without state.
