//! Mailings: answered at once, sent by jobs.

use super::*;

#[test]
fn a_mailing_is_answered_at_once_and_sent_by_a_job() {
    let host = host();
    host.respond(|request| match form(request)["To"].as_str() {
        "+32475000030" => Ok(refused(21610)),
        "+32475000040" => Err(timeout()),
        _ => Ok(accepted()),
    });
    let answer = host.call::<Sms>("send_v3", mailing(50)).unwrap();
    assert!(states(&answer).iter().all(|state| *state == "processing"));
    assert_eq!(answer[0]["credit"], 1);
    assert!(host.requests().is_empty());
    assert_eq!((host.available().as_str(), host.held().as_str()), ("50", "50"));
    // The database asks again before the job has run.
    assert_eq!(host.call::<Sms>("send_v3", mailing(50)).unwrap(), answer);
    let jobs = host.jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].name, "send");

    host.run_enqueued::<Sms>(&jobs[0], 1).unwrap();
    assert_eq!(host.requests().len(), 50);
    let captured = host.captured();
    assert_eq!(captured.len(), 1);
    assert_eq!((captured[0].credits.as_str(), captured[0].lines.len()), ("48", 48));
    assert_eq!((host.available().as_str(), host.held().as_str()), ("52", "0"));
    let callbacks = host.callbacks();
    assert_eq!(callbacks.len(), 1);
    assert_eq!((callbacks[0].url.as_str(), callbacks[0].account_ref.as_str()), (WEBHOOK, "account"));
    let groups = statuses(&callbacks[0]);
    let sent: Vec<String> = (0..50).filter(|n| ![3, 4].contains(n)).map(uuid).collect();
    assert_eq!(
        groups,
        json!([
            {"sms_status": "sent", "uuids": sent},
            {"sms_status": "rejected", "uuids": [uuid(3)]},
            {"sms_status": "server_error", "uuids": [uuid(4)]},
        ])
    );
    // Now a repeat of those that went out gets the final answer, and the others are sent again.
    let again = host.call::<Sms>("send_v3", mailing(10)).unwrap();
    assert_eq!(states(&again)[..3], ["success", "success", "success"]);
    assert_eq!(states(&again)[3..5], ["rejected", "server_error"]);
    assert_eq!(host.requests().len(), 52);
}

#[test]
fn old_databases_hear_success_for_a_mailing() {
    let host = host();
    host.respond(carrier);
    let messages: Vec<Value> = (0..21)
        .map(|n| json!({"res_id": n, "number": format!("+32475{n:05}0"), "content": format!("Hi {n}")}))
        .collect();
    let answer = host.call::<Sms>("send_v2", json!({"messages": messages})).unwrap();
    assert!(states(&answer).iter().all(|state| *state == "success"));
    host.run_enqueued::<Sms>(&host.jobs()[0], 1).unwrap();
    assert_eq!((host.requests().len(), host.callbacks().len()), (21, 0));
    assert_eq!(form(&host.requests()[20])["Body"], "Hi 20");
    assert_eq!(host.captured()[0].credits, "21");
}

#[test]
fn a_job_that_runs_again_sends_and_charges_nothing_twice() {
    let host = host();
    host.respond(carrier);
    host.call::<Sms>("send_v3", mailing(45)).unwrap();
    let job = host.jobs()[0].clone();
    host.run_enqueued::<Sms>(&job, 1).unwrap();
    host.run_enqueued::<Sms>(&job, 2).unwrap();
    assert_eq!((host.requests().len(), host.captured().len(), host.callbacks().len()), (45, 1, 1));
    assert_eq!(host.available(), "55");
}

#[test]
fn a_job_that_died_in_the_middle_goes_on_behind_the_messages_in_doubt() {
    let host = host();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    host.respond(move |request| {
        let to = form(request)["To"].clone();
        // The 31st message is in the second chunk.
        assert_ne!(to, "+32475000300", "here the host dies");
        log.borrow_mut().push(to);
        Ok(accepted())
    });
    host.call::<Sms>("send_v3", mailing(60)).unwrap();
    let job = host.jobs()[0].clone();
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.run_enqueued::<Sms>(&job, 1)));
    assert!(died.is_err());
    let log = Rc::clone(&seen);
    host.respond(move |request| {
        log.borrow_mut().push(form(request)["To"].clone());
        Ok(accepted())
    });
    host.run_enqueued::<Sms>(&job, 2).unwrap();

    let seen = seen.borrow();
    let unique: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(seen.len(), unique.len(), "no message went out twice");
    // 20 of the first chunk and 20 of the third; the second chunk is in doubt: not sent again, not charged.
    assert_eq!(host.captured()[0].credits, "40");
    let groups = statuses(&host.callbacks()[0]);
    assert_eq!(groups[0]["uuids"].as_array().unwrap().len(), 40);
    assert_eq!(groups[1], json!({"sms_status": "server_error", "uuids": (20..40).map(uuid).collect::<Vec<_>>()}));
    assert_eq!((host.available().as_str(), host.held().as_str()), ("60", "0"));
}

#[test]
fn a_job_without_requests_left_hands_over_to_another() {
    let host = host();
    let left = Rc::new(Cell::new(30));
    let quota = Rc::clone(&left);
    host.respond(move |_| match quota.get() {
        0 => Err(Error::new("too-many-requests", "this run has used its requests up")),
        n => {
            quota.set(n - 1);
            Ok(accepted())
        }
    });
    host.call::<Sms>("send_v3", mailing(50)).unwrap();
    host.run_enqueued::<Sms>(&host.jobs()[0], 1).unwrap();
    assert_eq!((host.captured().len(), host.jobs().len(), host.held().as_str()), (0, 2, "50"));
    left.set(30);
    host.run_enqueued::<Sms>(&host.jobs()[1], 1).unwrap();
    assert_eq!(host.captured()[0].credits, "50");
    assert_eq!((host.callbacks().len(), host.held().as_str()), (1, "0"));
}

#[test]
fn a_job_without_time_left_hands_over_to_another() {
    let host = host();
    let clock = host.clone();
    host.respond(move |_| {
        clock.advance(6);
        Ok(accepted())
    });
    host.call::<Sms>("send_v3", mailing(60)).unwrap();
    host.run_enqueued::<Sms>(&host.jobs()[0], 1).unwrap();
    assert_eq!((host.requests().len(), host.jobs().len(), host.captured().len()), (40, 2, 0));
    host.run_enqueued::<Sms>(&host.jobs()[1], 1).unwrap();
    assert_eq!((host.requests().len(), host.captured()[0].credits.as_str()), (60, "60"));
}

#[test]
fn a_job_that_can_send_nothing_ends() {
    let host = host();
    host.respond(|_| Err(Error::new("too-many-requests", "never again")));
    host.call::<Sms>("send_v3", mailing(50)).unwrap();
    host.run_enqueued::<Sms>(&host.jobs()[0], 1).unwrap();
    assert_eq!((host.jobs().len(), host.captured().len()), (1, 0));
    assert_eq!((host.available().as_str(), host.held().as_str()), ("100", "0"));
    assert_eq!(statuses(&host.callbacks()[0])[0]["sms_status"], "server_error");
}

#[test]
fn a_mailing_waits_for_a_carrier_that_cannot_be_reached() {
    let host = host();
    host.respond(|_| Err(Error::new("unreachable", "no route")));
    host.call::<Sms>("send_v3", mailing(50)).unwrap();
    let job = host.jobs()[0].clone();
    let later = Failure::ProviderUnavailable { retry_after: Some(60) };
    assert_eq!(host.run_enqueued::<Sms>(&job, 1), Err(later));
    assert_eq!((host.held().as_str(), host.callbacks().len()), ("50", 0));
    host.respond(carrier);
    host.run_enqueued::<Sms>(&job, 2).unwrap();
    assert_eq!((host.captured()[0].credits.as_str(), host.held().as_str()), ("50", "0"));
}

#[test]
fn a_mailing_does_not_wait_for_ever() {
    let host = host();
    host.respond(|_| Err(Error::new("unreachable", "no route")));
    host.call::<Sms>("send_v3", mailing(50)).unwrap();
    host.run_enqueued::<Sms>(&host.jobs()[0], 3).unwrap();
    assert_eq!((host.requests().len(), host.captured().len(), host.available().as_str()), (20, 0, "100"));
    let groups = statuses(&host.callbacks()[0]);
    assert_eq!((&groups[0]["sms_status"], groups[0]["uuids"].as_array().unwrap().len()), (&json!("server_error"), 50));
}

#[test]
fn a_job_whose_hold_expired_sends_nothing_more_and_says_so() {
    let host = host();
    host.respond(carrier);
    host.call::<Sms>("send_v3", mailing(50)).unwrap();
    host.advance(3_601);
    let job = host.jobs()[0].clone();
    host.run_enqueued::<Sms>(&job, 1).unwrap();
    host.run_enqueued::<Sms>(&job, 2).unwrap();
    assert_eq!((host.requests().len(), host.captured().len(), host.available().as_str()), (0, 0, "100"));
    assert_eq!(host.callbacks().len(), 1, "once");
    assert_eq!(statuses(&host.callbacks()[0])[0]["sms_status"], "server_error");
}

#[test]
fn a_job_does_not_report_what_the_carrier_has_reported_already() {
    let host = host();
    host.respond(carrier);
    host.call::<Sms>("send_v3", mailing(21)).unwrap();
    let job = host.jobs()[0].clone();
    let payload: Value = serde_json::from_slice(&job.payload).unwrap();
    let (key, _) = crate::send::status_key(payload["batch"].as_str().unwrap(), &uuid(7));
    host.run(|| store::set(Scope::Service, &key, b"not_delivered", None)).unwrap();
    host.run_enqueued::<Sms>(&job, 1).unwrap();
    let groups = statuses(&host.callbacks()[0]);
    let sent = groups[0]["uuids"].as_array().unwrap();
    assert_eq!(sent.len(), 20);
    assert!(!sent.contains(&json!(uuid(7))));
}

#[test]
fn what_the_carrier_reports_while_the_job_reports_is_said_last() {
    let host = host();
    let batch = "0123456789abcdef0123456789abcdef";
    for (n, status) in ["sent", "delivered", "rejected", "not_delivered"].iter().enumerate() {
        let (key, _) = crate::send::status_key(batch, &uuid(n));
        host.run(|| store::set(Scope::Service, &key, status.as_bytes(), None)).unwrap();
    }
    // The last one was there before the job's own report.
    let known = std::collections::BTreeSet::from([uuid(3)]);
    assert_eq!(
        host.run(|| crate::send::job::corrections(batch, &known).groups()),
        json!([{"sms_status": "rejected", "uuids": [uuid(2)]}])
    );
}

#[test]
fn the_largest_mailing_fits_into_what_the_host_keeps_for_a_call() {
    let host = host();
    host.credits("20000").respond(carrier);
    host.call::<Sms>("send_v3", mailing(10_000)).unwrap();
    let payload = &host.jobs()[0].payload;
    assert!(payload.len() < 1_000, "{} bytes", payload.len());
    let payload: Value = serde_json::from_slice(payload).unwrap();
    let id = payload["mailing"].as_str().unwrap();
    let stored = host.run(|| iap_sdk::blobs::read(id, 0, u32::MAX)).unwrap();
    assert!(stored.len() < 1_000_000, "{} bytes", stored.len());
    let stored: Value = serde_json::from_slice(&stored).unwrap();
    assert_eq!(stored["contents"], json!(["Sale"]), "each text once");
    assert_eq!(stored["messages"].as_array().unwrap().len(), 10_000);
    // The host remembers 1 MiB of keys and answers, whatever became of each message.
    let verdict = Verdict::refused(State::CountryNotSupported);
    let memory = serde_json::to_vec(&crate::send::Memory::of(&verdict)).unwrap();
    assert!(10_000 * (uuid(1).len() + memory.len()) < 1 << 20);
    host.run_enqueued::<Sms>(&host.jobs()[0], 1).unwrap();
    assert!(host.run(|| iap_sdk::blobs::stat(id)).is_err(), "deleted when it is settled");
}
