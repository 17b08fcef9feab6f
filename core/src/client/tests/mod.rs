//! Both ends in one test, under virtual time.
