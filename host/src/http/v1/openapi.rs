//! The OpenAPI document: made from the handlers, committed as `host/openapi.json`.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, ResponseBuilder,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{
    accounts, calls, caps, catalog, config, databases, grants, jobs, lifecycle, listing, lists, login, mails, moves,
    payouts, problem, receipts, refunds, releases, secrets, services, tokens, trial_balance, vendors,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "IAP",
        description = "In-app purchases for Odoo databases: accounts with prepaid credits, and services that spend them.\n\nCredits are decimal strings with at most 6 decimals, times RFC 3339, names snake_case. What goes wrong is answered as `application/problem+json` with a `code` for programs and a `detail` that says what to do. Lists are pages: send `next_cursor` as `cursor`.",
    ),
    paths(
        databases::list,
        databases::declare,
        databases::get,
        databases::issue_token,
        accounts::open,
        accounts::get,
        accounts::change,
        accounts::decide_elsewhere,
        calls::call,
        calls::quote,
        lists::calls,
        lists::postings,
        lists::grants,
        grants::give,
        refunds::call,
        refunds::grant,
        refunds::chargeback,
        refunds::processor_fee,
        moves::transfer,
        moves::adjust,
        moves::forgive,
        caps::list,
        caps::put,
        caps::remove,
        vendors::list,
        vendors::get,
        vendors::change,
        vendors::sign_up::sign_up,
        vendors::sign_up::confirm,
        vendors::sign_up::approve,
        vendors::sign_up::refuse,
        vendors::members::list,
        vendors::members::invite,
        vendors::members::remove,
        vendors::keys::list,
        vendors::keys::add,
        vendors::keys::revoke,
        vendors::payout_details::reauthenticate,
        vendors::payout_details::put,
        vendors::shares::shares,
        vendors::shares::add_share,
        vendors::shares::balance,
        login::begin,
        login::token,
        tokens::list,
        tokens::issue,
        tokens::revoke,
        payouts::make_payable,
        payouts::pay_out,
        payouts::list,
        payouts::get,
        payouts::give_back,
        jobs::list,
        jobs::get,
        jobs::retry,
        jobs::discard,
        mails::list,
        mails::retry,
        services::register,
        config::list,
        config::put,
        config::remove,
        secrets::list,
        secrets::put,
        secrets::remove,
        releases::publish,
        releases::list,
        releases::get,
        releases::approve,
        releases::reject,
        releases::yank,
        releases::roll_out,
        listing::packs,
        listing::texts,
        listing::put_icon,
        listing::icon,
        listing::prices,
        listing::history,
        lifecycle::status,
        lifecycle::logs,
        lifecycle::suspend,
        lifecycle::resume,
        lifecycle::discontinue,
        lifecycle::test_account,
        catalog::list,
        receipts::get,
        receipts::keys,
        trial_balance::get,
    ),
    components(schemas(problem::ProblemBody)),
    modifiers(&Bearer, &Problems),
    security(("bearer" = [])),
    tags(
        (name = "operator", description = "With an operator's token, `iap_op_…`."),
        (name = "vendor", description = "With a vendor's token, `iap_vn_…`, as `iap login` gets it, or an operator's."),
        (name = "database", description = "With the database's token, `iap_db_…`, or an operator's."),
        (name = "account", description = "With the account's token (`iap_ac_…`, or the token of the IAP account in Odoo), its database's or an operator's."),
        (name = "public", description = "Without a token."),
    ),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of an operator, a database or an account; shown once when it is issued."))
            .build();
        document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// Every endpoint may answer with a problem.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let problem = ResponseBuilder::new()
            .description("What went wrong and what to do")
            .content("application/problem+json", content)
            .build();
        for operation in document.paths.paths.values_mut().flat_map(operations) {
            operation.responses.responses.insert("default".to_owned(), problem.clone().into());
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
        .into_iter()
        .filter_map(Option::as_mut)
}

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
