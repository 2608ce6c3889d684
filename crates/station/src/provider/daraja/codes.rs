//! What Daraja's codes mean. Sources: the tables of result codes of M-Pesa Express and of Business to Customer at
//! developer.safaricom.co.ke/apis.

/// How a prompt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PushEnd {
    /// Paid.
    Paid,
    /// Not paid, final for this prompt; why, for the payer.
    NotPaid(&'static str),
    /// A code that the tables do not have.
    Unlisted,
}

/// Reads the result code of a prompt. Every listed code is the end of that prompt.
pub(super) fn push_end(code: &str) -> PushEnd {
    PushEnd::NotPaid(match code {
        "0" => return PushEnd::Paid,
        "1" => "there is not enough money in the M-Pesa account",
        "2" => "the sum is less than M-Pesa moves",
        "3" => "the sum is more than M-Pesa moves at once",
        "4" => "the sum is over what this M-Pesa account may move in a day",
        "8" => "M-Pesa refused: the receiver's account is full",
        "17" => "M-Pesa refused a second payment of the same sum within two minutes: wait, and order again",
        "1001" => "M-Pesa was busy with another payment of this telephone: wait a minute, and order again",
        "1019" => "the payment was not confirmed in time",
        "1025" => "M-Pesa could not show the question on the telephone",
        "1032" => "the payment was cancelled on the telephone",
        "1037" => "the telephone could not be reached, or nobody answered",
        "2001" => "the PIN was wrong",
        "2028" => "M-Pesa refused: the shop's account may not do this",
        "8006" => "the M-Pesa account is locked: call Safaricom",
        "SFC_IC0003" => "M-Pesa refused: it does not know the shop's account",
        _ => return PushEnd::Unlisted,
    })
}

/// Whether a result code of money given out says for certain that it was not given out, and why.
pub(super) fn pay_out_refused(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "there is not enough money in the shop's utility account",
        "2" => "the sum is less than M-Pesa gives out",
        "3" => "the sum is more than M-Pesa gives out at once",
        "4" => "the sum is over what the customer's account may move in a day",
        "8" => "the customer's account would be over its limit",
        "11" => "the shop's account is not active",
        "21" => "the API user may not give money out",
        "2001" => "the name or the password of the API user is wrong",
        "2006" => "the shop's account is not active",
        "2028" => "the short code may not give money out",
        "2040" => "the customer is not registered with M-Pesa",
        "8006" => "the API user is locked",
        "SFC_IC0003" => "M-Pesa does not know the telephone number",
        _ => return None,
    })
}

/// Whether an error means that the OAuth token was not valid: the request was not looked at.
pub(super) fn is_bad_token(status: u16, error_code: Option<&str>) -> bool {
    // Some APIs answer 404 or 400 with their own code for it.
    status == 401 || matches!(error_code, Some("401.001" | "401.002.01" | "401.003.01" | "404.001.03" | "400.003.01"))
}

/// Whether an error means that the request itself was found wrong before anything was done.
pub(super) fn is_bad_request(status: u16, error_code: &str) -> bool {
    status == 400 && error_code == "400.002.02"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_codes_are_final_and_others_are_not() {
        assert_eq!(push_end("0"), PushEnd::Paid);
        for code in ["1", "1001", "1019", "1025", "1032", "1037", "2001", "SFC_IC0003"] {
            assert!(matches!(push_end(code), PushEnd::NotPaid(_)), "{code}");
        }
        for code in ["", "00", "4999", "9999", "-1", "1 ", "zero"] {
            assert_eq!(push_end(code), PushEnd::Unlisted, "{code}");
            assert_eq!(pay_out_refused(code), None, "{code}");
        }
        assert_eq!(pay_out_refused("0"), None);
        // A system error says nothing.
        assert_eq!(pay_out_refused("17"), None);
    }
}
