//! The rules of the credit register, one field each, so that a test can take one away.

/// Which rules are kept.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The meter applies a token only if its number is greater than the meter's own.
    pub meter_wants_newer: bool,
    /// ... and only if its total is not smaller.
    pub meter_wants_no_less: bool,
    /// ... and only if the meter's own number is not in the token's range.
    pub meter_honours_range: bool,
    /// The meter answers every authentic token, applied or not.
    pub every_token_is_answered: bool,
    /// Tokens after a void carry its range too, until a receipt settles it.
    pub later_tokens_carry_range: bool,
    /// Tokens after a void leave its line out too, until a receipt settles it.
    pub later_tokens_leave_line_out: bool,
    /// A voided line that turns out to be loaded is counted again.
    pub loaded_line_is_counted_again: bool,
    /// A void by itself refunds nothing.
    pub refund_needs_receipt: bool,
    /// Only a receipt beyond every number that may count the line shows that it can never be loaded.
    pub refund_needs_later_number: bool,
    /// A receipt that shows the meter in the range of a void, but without its line, moves the range's beginning up.
    pub receipt_narrows_range: bool,
    /// Number and content of a token are committed before it is signed.
    pub commit_before_signing: bool,
    /// A phone deletes a token only when there is a receipt with its number or a later one.
    pub phone_waits_for_cover: bool,
    /// ... and the station has acknowledged that receipt.
    pub phone_waits_for_acknowledgement: bool,
    /// A restored station skips past every number that it may have used.
    pub restore_skips_numbers: bool,
    /// The skipped numbers may count any line of that time: tokens and voids refuse them.
    pub restore_refuses_gap: bool,
    /// ... also those of voids that were pending in the backup.
    pub restore_widens_voids: bool,
    /// ... and tokens do so until the sales are recovered, even when a receipt shows the meter in the gap.
    pub gap_is_refused_until_recovered: bool,
    /// Once they are, a receipt from the gap ends a void: the line is counted again.
    pub gap_receipt_ends_void: bool,
    /// A restored station signs a fresh token beyond the gap, even if it has nothing new to say.
    pub restore_signs_afresh: bool,
    /// A restored station sells nothing before the sales since the backup are recovered.
    pub restore_sells_nothing_before_recovery: bool,
}

impl Rules {
    /// The protocol.
    pub const ALL: Rules = Rules {
        meter_wants_newer: true,
        meter_wants_no_less: true,
        meter_honours_range: true,
        every_token_is_answered: true,
        later_tokens_carry_range: true,
        later_tokens_leave_line_out: true,
        loaded_line_is_counted_again: true,
        refund_needs_receipt: true,
        refund_needs_later_number: true,
        receipt_narrows_range: true,
        commit_before_signing: true,
        phone_waits_for_cover: true,
        phone_waits_for_acknowledgement: true,
        restore_skips_numbers: true,
        restore_refuses_gap: true,
        restore_widens_voids: true,
        gap_is_refused_until_recovered: true,
        gap_receipt_ends_void: true,
        restore_signs_afresh: true,
        restore_sells_nothing_before_recovery: true,
    };
}
