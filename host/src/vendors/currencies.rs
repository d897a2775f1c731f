//! Currencies that somebody can be paid in.

/// Active codes of ISO 4217 (2024), without metals, funds and test codes.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF \
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP \
MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK \
SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF \
XPF YER ZAR ZMW ZWG";

/// Whether there is such a currency.
pub fn is_known(code: &str) -> bool {
    code.len() == 3 && CODES.split(' ').any(|known| known == code)
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn money_that_is_none_is_not_known() {
        assert!(["EUR", "USD", "CHF", "XOF"].into_iter().all(is_known));
        assert!(["", "eur", "EUR USD", "XAU", "XXX", "DEM", "EU", "R U"].into_iter().all(|code| !is_known(code)));
    }
}
