//! The numbers that can be averaged.

/// A number of the language.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number that can be averaged",
    note = "map the records, or the values of the keys, to an integer or a floating-point number"
)]
pub trait Number: sealed::Sealed + Copy + Send + 'static {
    /// The nearest double-precision number.
    fn to_f64(self) -> f64;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl sealed::Sealed for $number {}
        impl Number for $number {
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);
