//! What every serializer of this crate does with scalars: check them, make a term, hand it to `put`.

/// The scalar methods of a `Serializer` that has `put(self, TermRef)` and `put_text(self, &str)`, and whose error can
/// be made of [`Error`](crate::Error).
macro_rules! scalars {
    () => {
        $crate::ser::scalar::scalars!(@int
            serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
            serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
        );

        fn serialize_bool(self, value: bool) -> Result<Self::Ok, Self::Error> {
            self.put(TermRef::from(value))
        }

        fn serialize_f32(self, value: f32) -> Result<Self::Ok, Self::Error> {
            self.serialize_f64(f64::from(value))
        }

        fn serialize_f64(self, value: f64) -> Result<Self::Ok, Self::Error> {
            self.put(TermRef::Float($crate::Float::new(value)?.get()))
        }

        fn serialize_char(self, value: char) -> Result<Self::Ok, Self::Error> {
            self.put_text(value.encode_utf8(&mut [0; 4]))
        }

        fn serialize_str(self, value: &str) -> Result<Self::Ok, Self::Error> {
            self.put_text(value)
        }

        fn serialize_bytes(self, value: &[u8]) -> Result<Self::Ok, Self::Error> {
            self.put(TermRef::Binary(value))
        }

        fn serialize_none(self) -> Result<Self::Ok, Self::Error> {
            self.put(TermRef::NIL)
        }

        fn serialize_unit(self) -> Result<Self::Ok, Self::Error> {
            self.put(TermRef::NIL)
        }

        fn serialize_unit_struct(self, _: &'static str) -> Result<Self::Ok, Self::Error> {
            self.put(TermRef::NIL)
        }

        fn serialize_unit_variant(
            self,
            _: &'static str,
            _: u32,
            variant: &'static str,
        ) -> Result<Self::Ok, Self::Error> {
            $crate::atom::check_name(variant)?;
            self.put(TermRef::Atom(variant))
        }
    };
    (@int $($method:ident $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<Self::Ok, Self::Error> {
            // One form for every width; for the narrow ones it never fails.
            #[allow(clippy::unnecessary_fallible_conversions, reason = "wide and narrow integers share this form")]
            let int = i64::try_from(value).map_err(|_| Error::IntegerRange(value.to_string()))?;
            self.put(TermRef::Int(int))
        }
    )*};
}

pub(crate) use scalars;
