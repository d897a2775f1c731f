use super::{AccountStatus::*, Door::*, Hosting::*, VendorKind::*, *};

const RULE: [(Hosting, VendorKind, Result<(), HostingRefusal>); 8] = [
    (OdooOnline, FirstParty, Ok(())),
    (OdooSh, FirstParty, Ok(())),
    (OnPremise, FirstParty, Ok(())),
    (Undeclared, FirstParty, Ok(())),
    (OdooOnline, ThirdParty, Err(HostingRefusal::OnOdooOnline)),
    (OdooSh, ThirdParty, Ok(())),
    (OnPremise, ThirdParty, Ok(())),
    (Undeclared, ThirdParty, Err(HostingRefusal::Undeclared)),
];

#[test]
fn each_hosting_type_uses_the_services_it_may() {
    for (hosting, kind, expected) in RULE {
        assert_eq!(may_use(hosting, kind), expected, "{hosting} {kind}");
    }
}

#[test]
fn the_rule_holds_at_every_door_for_accounts_that_would_be_new() {
    for (hosting, kind, expected) in RULE {
        for door in Door::ALL {
            assert_eq!(ask(*door, hosting, kind, Absent), expected, "{door:?} {hosting} {kind}");
        }
    }
}

/// Doors that a suspended account, or one that should be, still passes.
const STILL_OPEN: [Door; 7] = [Balance, AccountInformation, BuyPage, JobOfHold, Capture, Release, Refund];

#[test]
fn a_suspended_account_is_seen_settled_and_refunded_but_never_used() {
    for door in Door::ALL {
        let about_the_account = !matches!(door, CatalogListing | AccountCreation);
        let open = STILL_OPEN.contains(door) || !about_the_account;
        let expected = if open { Ok(()) } else { Err(HostingRefusal::AccountSuspended) };
        assert_eq!(ask(*door, OnPremise, ThirdParty, Suspended), expected, "{door:?}");
    }
}

#[test]
fn an_account_whose_database_moved_is_as_good_as_suspended() {
    for (hosting, refusal) in [(OdooOnline, HostingRefusal::OnOdooOnline), (Undeclared, HostingRefusal::Undeclared)] {
        for (door, status) in Door::ALL.iter().flat_map(|door| [(door, Active), (door, Suspended)]) {
            let expected = if STILL_OPEN.contains(door) { Ok(()) } else { Err(refusal) };
            assert_eq!(ask(*door, hosting, ThirdParty, status), expected, "{door:?} {status:?}");
        }
    }
}

#[test]
fn an_active_account_passes_every_door_where_it_may_be_used() {
    for (hosting, kind, _) in RULE.iter().filter(|(_, _, answer)| answer.is_ok()) {
        for door in Door::ALL {
            assert_eq!(ask(*door, *hosting, *kind, Active), Ok(()), "{door:?} {hosting} {kind}");
        }
    }
}

#[test]
fn the_first_use_of_a_third_party_service_follows_the_policy() {
    let policy = FirstUsePolicy::default();
    for (hosting, kind, expected) in [
        (OnPremise, ThirdParty, FirstUse::Allowed),
        (OdooSh, ThirdParty, FirstUse::Ask),
        (OdooOnline, ThirdParty, FirstUse::Ask),
        (Undeclared, ThirdParty, FirstUse::Ask),
        (OdooSh, FirstParty, FirstUse::Allowed),
        (Undeclared, FirstParty, FirstUse::Allowed),
    ] {
        assert_eq!(first_use(hosting, kind, policy), expected, "{hosting} {kind}");
    }
    let other = FirstUsePolicy { on_premise: FirstUse::Ask, odoo_sh: FirstUse::Allowed };
    assert_eq!(first_use(OnPremise, ThirdParty, other), FirstUse::Ask);
    assert_eq!(first_use(OdooSh, ThirdParty, other), FirstUse::Allowed);
}

#[test]
fn refusals_and_words_are_those_of_the_wire() {
    assert_eq!(HostingRefusal::Undeclared.code(), "hosting-refused");
    assert_eq!(HostingRefusal::AccountSuspended.code(), "account-suspended");
    assert_eq!(
        HostingRefusal::Undeclared.to_string(),
        "the hosting of this database is not declared, so it can use first-party services only; ask the operator of this host to declare it"
    );
    assert_eq!(
        "saas".parse::<Hosting>().unwrap_err().to_string(),
        "\"saas\" is no hosting type; write one of odoo_online, odoo_sh, on_premise, undeclared"
    );
    assert_eq!("third_party".parse(), Ok(ThirdParty));
    assert_eq!("ask".parse(), Ok(FirstUse::Ask));
}
