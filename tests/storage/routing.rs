//! Rules, actions, policies and certificates, and what actions keep.

use fieldgate::auth::secret::Secret;
use fieldgate::domain::clock::Timestamp;
use fieldgate::domain::event::EventKind;
use fieldgate::domain::ids::{ActionId, ActionKey, CertificateId, DeviceKey, PolicyId, Position, RuleId};
use fieldgate::storage::{
    Action, ActionFilter, ActionPatch, ActionSave, AttemptRow, AuditFilter, BacklogText, Counters,
    FlowControlText, LetterStep, Mark, NewAction, NewLetter, NewRule, ParkedRow, PolicyFilter, PurgeRequest,
    RegistryChange, Rule, RuleFilter, RulePatch, RuleText, SavedLane, SigningSecrets,
};

use crate::bed::{Bed, NOW, PAGE, message, told};

fn rule_id(text: &str) -> RuleId {
    RuleId::parse(text).unwrap()
}

fn action_id(text: &str) -> ActionId {
    ActionId::parse(text).unwrap()
}

async fn rule(bed: &Bed, id: &str) -> Rule {
    let rule = NewRule {
        rule_id: rule_id(id),
        text: RuleText {
            name: Some(format!("name of {id}")),
            description: None,
            resource: "device.property".to_owned(),
            event: "report".to_owned(),
            app_id: None,
            select: String::new(),
            condition: String::new(),
        },
    };
    bed.rules().create_rule(rule, told("")).await.unwrap()
}

async fn try_action(bed: &Bed, id: &str, rule: &str) -> Option<Action> {
    let action = NewAction {
        action_id: action_id(id),
        rule_id: rule_id(rule),
        channel: "HTTP_FORWARDING".to_owned(),
        detail: r#"{"url":"https://example.com"}"#.to_owned(),
        credentials: Some(Secret::new("a-secret-of-it".to_owned())),
        signing: Secret::new("whsec_1".to_owned()),
        dead_letter_action: None,
    };
    bed.rules().create_action(action, told("")).await.unwrap()
}

async fn activate(bed: &Bed, id: &str, active: bool) {
    let patch = RulePatch {
        active: Some(active),
        ..RulePatch::default()
    };
    let routing = bed.rules();
    let rule = routing.update_rule(&rule_id(id), patch, told("")).await.unwrap();
    assert_eq!(rule.unwrap().active, active);
}

async fn versions(bed: &Bed) -> Vec<(i64, bool, String)> {
    let found = bed.rules().rule_versions().await.unwrap();
    found
        .into_iter()
        .map(|version| (version.after.0, version.active, version.text.condition))
        .collect()
}

async fn append(bed: &Bed, count: usize) {
    let events = (0..count).map(|_| message("x")).collect();
    bed.stores.log.append(events).await.unwrap();
}

pub async fn a_rule_holds_from_a_position_on(bed: Bed) {
    append(&bed, 3).await;
    assert!(!rule(&bed, "r").await.active);
    append(&bed, 2).await;
    activate(&bed, "r", true).await;
    let patch = RulePatch {
        sql: Some(("*".to_owned(), "1 = 1".to_owned())),
        name: Some(String::new()),
        ..RulePatch::default()
    };
    let routing = bed.rules();
    let changed = routing
        .update_rule(&rule_id("r"), patch, told(""))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((changed.text.name, changed.active), (None, true));
    append(&bed, 1).await;
    activate(&bed, "r", false).await;
    let none = String::new;
    // Each from the mark that its change left in the log.
    let expected = [
        (4, false, none()),
        (7, true, none()),
        (8, true, "1 = 1".to_owned()),
        (10, false, "1 = 1".to_owned()),
    ];
    assert_eq!(versions(&bed).await, expected);
    let all = PurgeRequest {
        before: Some(Timestamp(i64::MAX)),
        max_bytes: None,
        step_rows: 100,
    };
    bed.stores.log.purge(all).await.unwrap();
    let bed = bed.reopened().await;
    activate(&bed, "r", true).await;
    let expected = [(11, true, "1 = 1".to_owned())];
    assert_eq!(versions(&bed).await, expected, "older ones judge nothing");
}

pub async fn an_action_begins_where_the_log_ends_and_keeps_its_secrets(bed: Bed) {
    assert!(try_action(&bed, "a", "r").await.is_none());
    rule(&bed, "r").await;
    append(&bed, 4).await;
    let action = try_action(&bed, "a", "r").await.unwrap();
    assert_eq!(action.after, Position(6), "the place of its own mark");
    let patch = ActionPatch {
        paused: Some(true),
        dead_letter_action: Some(Some(action_id("b"))),
        signing: Some(SigningSecrets {
            current: Secret::new("whsec_2".to_owned()),
            previous: Some((Secret::new("whsec_1".to_owned()), NOW)),
        }),
        target: None,
    };
    let routing = bed.rules();
    routing
        .update_action(&action_id("a"), patch, told(""))
        .await
        .unwrap();
    let bed = bed.reopened().await;
    let action = bed.rules().action(&action_id("a")).await.unwrap().unwrap();
    assert!(action.paused);
    assert_eq!(action.dead_letter_action, Some(action_id("b")));
    assert_eq!(action.credentials.unwrap().expose(), "a-secret-of-it");
    assert_eq!(action.signing.current.expose(), "whsec_2");
    assert_eq!(action.signing.previous.unwrap().0.expose(), "whsec_1");
    let target = ("NATS_FORWARDING".to_owned(), "{}".to_owned(), None);
    let patch = ActionPatch {
        target: Some(target),
        ..ActionPatch::default()
    };
    let routing = bed.rules();
    let action = routing
        .update_action(&action_id("a"), patch, told(""))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (action.channel.as_str(), action.detail.as_str()),
        ("NATS_FORWARDING", "{}")
    );
    assert!(action.credentials.is_none() && action.paused);
}

pub async fn a_rule_goes_with_its_actions_and_listeners_hear_of_it(bed: Bed) {
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = heard.clone();
    bed.stores.registry.subscribe(Box::new(move |change| {
        if matches!(change, RegistryChange::Routing) {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }));
    rule(&bed, "r").await;
    rule(&bed, "s").await;
    for id in ["a", "b"] {
        try_action(&bed, id, "r").await.unwrap();
    }
    try_action(&bed, "c", "s").await.unwrap();
    let routing = bed.rules();
    let of = |rule: &str| ActionFilter {
        rule_id: Some(rule.to_owned()),
        ..ActionFilter::default()
    };
    let page = routing.list_actions(&of("r"), PAGE).await.unwrap();
    let ids: Vec<_> = page
        .items
        .iter()
        .map(|action| action.action_id.as_str())
        .collect();
    assert_eq!((ids.as_slice(), page.total), (["b", "a"].as_slice(), 2));
    let named = RuleFilter {
        name: Some("name of s".to_owned()),
        active: Some(false),
        scoped: Some(false),
        ..RuleFilter::default()
    };
    assert_eq!(routing.list_rules(&named, PAGE).await.unwrap().total, 1);
    assert!(routing.delete_rule(&rule_id("r"), told("")).await.unwrap());
    assert!(!routing.delete_rule(&rule_id("r"), told("")).await.unwrap());
    assert!(!routing.delete_action(&action_id("a"), told("")).await.unwrap());
    assert!(routing.delete_action(&action_id("c"), told("")).await.unwrap());
    assert!(routing.actions().await.unwrap().is_empty());
    assert_eq!(routing.rule_versions().await.unwrap().len(), 1);
    assert_eq!(heard.load(std::sync::atomic::Ordering::SeqCst), 7);
    let audited = bed
        .stores
        .audit
        .entries(&AuditFilter::default(), PAGE)
        .await
        .unwrap();
    assert_eq!(audited.total, 7);
    assert_eq!(bed.kinds().await, [EventKind::RoutingChanged; 7]);
}

pub async fn policies_and_certificates_are_kept(bed: Bed) {
    let routing = bed.rules();
    let id = PolicyId::parse("p").unwrap();
    let mut text = BacklogText {
        name: Some("n".to_owned()),
        size_bytes: 100,
        time_seconds: 10,
        ..BacklogText::default()
    };
    let made = routing
        .create_backlog(id.clone(), text.clone(), told(""))
        .await
        .unwrap();
    assert_eq!(made.text, text);
    text.size_bytes = 0;
    let changed = routing.update_backlog(&id, text.clone(), told("")).await.unwrap();
    assert_eq!(changed.unwrap().text, text);
    let named = PolicyFilter {
        name: Some("n".to_owned()),
        ..PolicyFilter::default()
    };
    assert_eq!(routing.list_backlogs(&named, PAGE).await.unwrap().total, 1);
    assert!(routing.delete_backlog(&id, told("")).await.unwrap());
    assert!(
        routing
            .update_backlog(&id, text, told(""))
            .await
            .unwrap()
            .is_none()
    );

    let mut text = FlowControlText {
        scope: "ACTION".to_owned(),
        scope_value: Some("a".to_owned()),
        limit: 5,
        ..FlowControlText::default()
    };
    routing
        .create_flow_control(id.clone(), text.clone(), told(""))
        .await
        .unwrap();
    text.limit = 7;
    let changed = routing.update_flow_control(&id, text, told("")).await.unwrap();
    assert_eq!(changed.unwrap().text.limit, 7);
    let scoped = PolicyFilter {
        scope: Some("ACTION".to_owned()),
        ..PolicyFilter::default()
    };
    assert_eq!(routing.list_flow_controls(&scoped, PAGE).await.unwrap().total, 1);
    assert!(routing.delete_flow_control(&id, told("")).await.unwrap());

    let id = CertificateId::parse("c").unwrap();
    routing
        .create_certificate(id.clone(), None, "one".to_owned(), told(""))
        .await
        .unwrap();
    let changed = routing
        .update_certificate(&id, "two".to_owned(), told(""))
        .await
        .unwrap();
    assert_eq!(changed.unwrap().pem, "two");
    assert_eq!(routing.list_certificates(None, PAGE).await.unwrap().total, 1);
    assert!(routing.delete_certificate(&id, told("")).await.unwrap());
    assert!(routing.certificate(&id).await.unwrap().is_none());
}

fn parked(position: i64, tries: u32) -> ParkedRow {
    ParkedRow {
        lane: 0,
        position: Position(position),
        device: Some(DeviceKey(9)),
        bytes: 11,
        received: NOW,
        tries,
        failed: (tries > 0).then_some(NOW),
    }
}

fn letter(position: i64) -> NewLetter {
    NewLetter {
        action: ActionKey(1),
        position: Position(position),
        device: Some(DeviceKey(9)),
        device_id: Some("d".to_owned()),
        product_id: None,
        app_id: None,
        received: NOW,
        body: Some(vec![0, 255].into()),
        reason: "refused".to_owned(),
        attempts: 3,
        at: NOW,
        forwarded: false,
        replaying: false,
    }
}

pub async fn actions_are_saved_together_and_loaded_again(bed: Bed) {
    let actions = bed.actions();
    assert!(actions.load_action(ActionKey(1)).await.unwrap().is_none());
    let mark = |position, taken| Mark {
        position,
        taken,
        bytes: taken * 10,
    };
    let lane = |lane| SavedLane {
        lane,
        settled: mark(5, 2),
        scanned: mark(900, 30),
        up_to: (lane > 0).then_some(Position(1000)),
        device: (lane > 0).then_some(DeviceKey(3)),
        outcomes: vec![(Position(7), 12), (Position(9), 13)],
        marks: vec![mark(100, 5), mark(200, 7)],
    };
    let counters = Counters {
        taken: 30,
        taken_bytes: 300,
        delivered: 4,
        dead: 3,
        dropped_by_size: 2,
        dropped_by_time: 1,
        dropped_by_retention: 5,
    };
    let first = ActionSave {
        lanes: vec![lane(0), lane(1)],
        counters,
        next_lane: 2,
        parked: vec![parked(6, 2), parked(8, 0)],
        ..ActionSave::default()
    };
    let saves = [(ActionKey(1), first.clone()), (ActionKey(2), first.clone())];
    actions.save_actions(&saves, 10).await.unwrap();
    let second = ActionSave {
        lanes: vec![lane(0)],
        parked: vec![parked(8, 1)],
        unparked: vec![(0, Position(6))],
        ..first
    };
    actions
        .save_actions(&[(ActionKey(1), second.clone())], 10)
        .await
        .unwrap();
    let bed = bed.reopened().await;
    let actions = bed.actions();
    let loaded = actions.load_action(ActionKey(1)).await.unwrap().unwrap();
    assert_eq!(loaded.lanes, second.lanes);
    assert_eq!((loaded.counters, loaded.next_lane), (counters, 2));
    assert_eq!(loaded.parked, second.parked);
    actions.keep_actions(&[ActionKey(1)]).await.unwrap();
    assert!(actions.load_action(ActionKey(1)).await.unwrap().is_some());
    assert!(actions.load_action(ActionKey(2)).await.unwrap().is_none());
}

pub async fn dead_letters_are_listed_replayed_and_dropped(bed: Bed) {
    let actions = bed.actions();
    let save = |letters, letter_steps| ActionSave {
        letters,
        letter_steps,
        ..ActionSave::default()
    };
    let letters = (1..=4).map(letter).collect();
    actions
        .save_actions(&[(ActionKey(1), save(letters, vec![]))], 10)
        .await
        .unwrap();
    let page = actions.letters(ActionKey(1), PAGE).await.unwrap();
    let positions: Vec<_> = page.items.iter().map(|letter| letter.told.position.0).collect();
    assert_eq!((positions.as_slice(), page.total), ([4, 3, 2, 1].as_slice(), 4));
    assert!(page.items.iter().all(|letter| letter.told.body.is_none()));
    let ids: Vec<_> = page.items.iter().rev().map(|letter| letter.id).collect();
    let shown = actions.letter(ActionKey(1), ids[0]).await.unwrap().unwrap();
    assert_eq!(shown.told, letter(1));
    assert!(actions.letter(ActionKey(2), ids[0]).await.unwrap().is_none());

    assert_eq!(
        actions.replay_letters(ActionKey(1), Some(ids[0])).await.unwrap(),
        1
    );
    assert_eq!(actions.replay_letters(ActionKey(1), None).await.unwrap(), 3);
    assert_eq!(actions.replay_letters(ActionKey(1), None).await.unwrap(), 0);
    assert_eq!(actions.drop_letters(ActionKey(1), None).await.unwrap(), 0);
    let dead = LetterStep::Dead {
        reason: "again".to_owned(),
        attempts: 5,
        at: NOW.plus_millis(1),
    };
    let steps = vec![
        (ids[0], LetterStep::Counted),
        (ids[1], LetterStep::Counted),
        (ids[1], LetterStep::Delivered),
        (ids[2], LetterStep::Counted),
        (ids[2], dead),
    ];
    actions
        .save_actions(&[(ActionKey(1), save(vec![], steps))], 10)
        .await
        .unwrap();
    let left = actions.letters_to_replay(ActionKey(1), 0, 10).await.unwrap();
    let left: Vec<_> = left.iter().map(|letter| (letter.id, letter.counted)).collect();
    assert_eq!(left, [(ids[0], true), (ids[3], false)]);
    let behind = actions.letters_to_replay(ActionKey(1), ids[0], 10).await.unwrap();
    assert_eq!(behind.len(), 1);
    let page = actions.letters(ActionKey(1), PAGE).await.unwrap();
    assert_eq!((page.total, page.items[0].told.reason.as_str()), (1, "again"));
    assert_eq!(actions.drop_letters(ActionKey(1), None).await.unwrap(), 1);
}

pub async fn the_newest_tries_of_an_action_stay(bed: Bed) {
    let actions = bed.actions();
    let attempt = |position| AttemptRow {
        position: Position(position),
        at: NOW,
        outcome: "failed".to_owned(),
        detail: "503".to_owned(),
        took_ms: 7,
    };
    let save = |attempts| ActionSave {
        attempts,
        ..ActionSave::default()
    };
    let many = (1..=600).map(attempt).collect();
    let saves = [
        (ActionKey(1), save(many)),
        (ActionKey(2), save(vec![attempt(600)])),
    ];
    actions.save_actions(&saves, 3).await.unwrap();
    let found = actions.attempts(Position(600)).await.unwrap();
    assert_eq!(
        found,
        [(ActionKey(1), attempt(600)), (ActionKey(2), attempt(600))]
    );
    assert_eq!(actions.attempts(Position(598)).await.unwrap().len(), 1);
    assert!(actions.attempts(Position(597)).await.unwrap().is_empty());
}
