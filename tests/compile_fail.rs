//! Programs that must not compile, and what the compiler says to those who wrote them.
//!
//! Each program in `tests/compile_fail/` stands beside a file `.stderr` with the compiler's words,
//! those of rustc 1.95: another release may choose others. After such a change, or one of our own
//! words, write them again and read what they have become: `TRYBUILD=overwrite cargo test -p rheos --test rheos compile_fail`.

#[test]
fn mistakes_are_found_by_the_compiler_and_explained() {
    // In one go: the dependencies are checked once for all programs.
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
