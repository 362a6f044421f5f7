//! JSON objects of which a few fields are read, borrowed from the text that they came in.
//!
//! As Go's decoder has it, and unlike serde's derived one: null is an absent field, the last of two equal keys wins, and an
//! array is no object.

use std::borrow::Cow;

use serde::Deserialize;

/// A text; without escapes it is borrowed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The text of a field; an absent one is empty.
pub(crate) fn text<'a>(text: Option<&'a Text<'_>>) -> &'a str {
    text.map_or("", |text| text.0.as_ref())
}

/// Declares a structure whose fields are options, each with the key that it is read from.
macro_rules! object {
    ($($(#[$doc:meta])* $visible:vis struct $name:ident { $($(#[$field_doc:meta])* $of:vis $field:ident: $key:literal as $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        $visible struct $name<'a> { $($(#[$field_doc])* $of $field: Option<$type>,)* }

        impl<'a> serde::Deserialize<'a> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl<'a> serde::de::Visitor<'a> for Visitor {
                    type Value = $name<'a>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<crate::borrowed::Text<'_>>()? {
                            match key.0.as_ref() {
                                $($key => object.$field = map.next_value()?,)*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(object)
                    }
                }
                deserializer.deserialize_map(Visitor)
            }
        }
    )*};
}
pub(crate) use object;
