//! Jam against other libraries: what each of them makes is read by the other, and how long both take. All of it is in
//! the tests and benches; the peers are no dependency of anything else.
