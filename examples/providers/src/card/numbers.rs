//! Test cards, and what paying with each of them meets.

/// A card number that is known, and its effect.
#[derive(Debug, Clone, Copy)]
pub struct TestCard {
    /// The number, without spaces.
    pub number: &'static str,
    /// What happens, in words for people.
    pub effect: &'static str,
    decline: Option<Decline>,
}

/// Why a payment did not go through: Stripe's code, and what the customer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decline {
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

/// Every card that is known. Any other number is refused.
pub const CARDS: [TestCard; 9] = [
    good("4242424242424242", "pays (Visa)"),
    good("5555555555554444", "pays (Mastercard)"),
    good("378282246310005", "pays (American Express)"),
    bad("4000000000000002", "declined", "card_declined", "Your card was declined."),
    bad("4000000000009995", "declined, not enough money", "insufficient_funds", "Your card has insufficient funds."),
    bad("4000000000009987", "declined, lost card", "lost_card", "Your card was declined."),
    bad("4000000000000069", "expired", "expired_card", "Your card has expired."),
    bad("4000000000000127", "wrong security code", "incorrect_cvc", "Your card's security code is incorrect."),
    bad(
        "4000000000000119",
        "the processor fails",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
];

const NO_NUMBER: Decline = Decline { code: "incorrect_number", message: "Your card number is invalid." };
const NO_TEST_CARD: Decline =
    Decline { code: "card_declined", message: "Your card was declined: this is a simulator, use a test card." };

const fn good(number: &'static str, effect: &'static str) -> TestCard {
    TestCard { number, effect, decline: None }
}

const fn bad(number: &'static str, effect: &'static str, code: &'static str, message: &'static str) -> TestCard {
    TestCard { number, effect, decline: Some(Decline { code, message }) }
}

/// Charges a card as typed; the answer is its last four digits.
pub(super) fn charge(typed: &str) -> Result<String, Decline> {
    let number: String = typed.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    match CARDS.iter().find(|card| card.number == number) {
        Some(TestCard { decline: Some(decline), .. }) => Err(*decline),
        Some(TestCard { decline: None, .. }) => Ok(number.chars().skip(number.len() - 4).collect()),
        None if passes_luhn(&number) => Err(NO_TEST_CARD),
        None => Err(NO_NUMBER),
    }
}

/// The check digit every card number ends in.
fn passes_luhn(number: &str) -> bool {
    let sum: Option<u32> = number
        .chars()
        .rev()
        .enumerate()
        .map(|(place, letter)| {
            let digit = letter.to_digit(10)?;
            Some(if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        })
        .sum();
    (12..=19).contains(&number.len()) && sum.is_some_and(|sum| sum.is_multiple_of(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_card_has_a_valid_number() {
        for card in &CARDS {
            assert!(passes_luhn(card.number), "{}", card.number);
        }
    }

    #[test]
    fn cards_are_read_as_typed() {
        for (typed, outcome) in [
            ("4242 4242 4242 4242", Ok("4242".to_owned())),
            ("4242-4242-4242-4242", Ok("4242".to_owned())),
            ("4242 4242 4242 4243", Err(NO_NUMBER)),
            ("", Err(NO_NUMBER)),
            ("4111 1111 1111 1111", Err(NO_TEST_CARD)),
        ] {
            assert_eq!(charge(typed), outcome, "{typed}");
        }
        assert_eq!(charge("4000 0000 0000 0002").unwrap_err().code, "card_declined");
    }
}
