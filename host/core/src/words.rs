//! Enums that are one word on the wire, in the configuration and in storage.

/// A word that names no value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no {kind}; write one of {}", .known.join(", "))]
pub struct UnknownWord {
    pub(crate) word: String,
    pub(crate) kind: &'static str,
    pub(crate) known: &'static [&'static str],
}

/// Declares an enum with its words: `as_str`, `ALL`, `Display`, `FromStr` and serde by the same word.
macro_rules! worded {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$case_doc:meta])* $case:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// Every value, in the order declared.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];
            const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word on the wire and in storage.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word).ok_or_else(|| $crate::words::UnknownWord {
                    word: word.to_owned(),
                    kind: $kind,
                    known: Self::WORDS,
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use worded;

#[cfg(test)]
mod tests {
    worded! {
        /// For the test.
        Colour, "colour" {
            /// Red.
            Red = "red",
            /// Dark green.
            DarkGreen = "dark_green",
        }
    }

    #[test]
    fn words_read_back_and_others_are_refused_with_the_choice() {
        for colour in Colour::ALL {
            assert_eq!(colour.as_str().parse(), Ok(*colour));
        }
        let error = "Red".parse::<Colour>().unwrap_err();
        assert_eq!(error.to_string(), "\"Red\" is no colour; write one of red, dark_green");
        assert_eq!(serde_json::to_string(&Colour::DarkGreen).unwrap(), "\"dark_green\"");
        assert_eq!(serde_json::from_str::<Colour>("\"red\"").unwrap(), Colour::Red);
        assert_eq!(
            serde_json::from_str::<Colour>("\"blue\"").unwrap_err().to_string(),
            "\"blue\" is no colour; write one of red, dark_green"
        );
    }
}
