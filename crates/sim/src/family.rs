//! A family with gas, water and electricity from two utilities: the household of the demo and of tests.

/// A meter of the family.
#[derive(Debug, Clone, Copy)]
pub struct FamilyMeter {
    /// Its number without the check character.
    pub id: &'static str,
    /// Its number as it is printed.
    pub label: &'static str,
    /// What it counts.
    pub commodity: &'static str,
    /// The name of the utility that sells for it, in [`UTILITIES`].
    pub utility: &'static str,
}

/// The gas meter.
pub const GAS: FamilyMeter =
    FamilyMeter { id: "CLS0000000017", label: "CLS0000000017-Z", commodity: "gas", utility: "sample-energy" };
/// The water meter.
pub const WATER: FamilyMeter =
    FamilyMeter { id: "CLS0000000028", label: "CLS0000000028-T", commodity: "water", utility: "sample-water" };
/// The electricity meter.
pub const POWER: FamilyMeter =
    FamilyMeter { id: "CLS0000000039", label: "CLS0000000039-N", commodity: "electricity", utility: "sample-energy" };
/// All three.
pub const FAMILY: [FamilyMeter; 3] = [GAS, WATER, POWER];

/// The two utilities in a station's configuration; [`WATER_TARIFF`], or another way in which water is sold, comes right after it.
pub const UTILITIES: &str = "\
[[utilities]]
name = \"sample-energy\"
brand = \"Sample Energy\"
currency = \"EUR\"
[utilities.tariffs]
gas = { versions = [{ price = \"0.85\", tax_percent = \"19\", minimum = \"1\", maximum = \"500\" }] }
electricity = { versions = [{ price = \"0.29\", tax_percent = \"19\", minimum = \"1\", maximum = \"500\" }] }

[[utilities]]
name = \"sample-water\"
brand = \"Sample Water\"
currency = \"EUR\"
";
/// What water costs, if the station itself knows it.
pub const WATER_TARIFF: &str = "\
[utilities.tariffs]
water = { versions = [{ price = \"2.10\", tax_percent = \"7\", minimum = \"1\", maximum = \"500\" }] }
";
