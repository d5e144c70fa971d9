//! People who sign in, and their sessions.

use fieldgate::auth::person::{UserName, UserRole};
use fieldgate::auth::person_password::PasswordHash;
use fieldgate::auth::session_token::SessionFingerprint;
use fieldgate::domain::clock::Timestamp;
use fieldgate::storage::{AuditFilter, NewAuditEntry, NewSession, NewUser};

use crate::bed::{Bed, NOW, PAGE, noted};

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::stored(format!("hash of {text}"))
}

fn noted_as(action: &str) -> NewAuditEntry {
    let mut entry = noted();
    action.clone_into(&mut entry.deed.action);
    entry
}

async fn add(bed: &Bed, user: &str, role: UserRole) -> bool {
    let user = NewUser {
        name: name(user),
        role,
        password: hash(user),
        created: NOW,
    };
    let noted = noted_as("add_user");
    bed.stores.users.add_user(&user, &noted).await.unwrap()
}

/// Opens a session under the epoch that the user has now.
async fn sign_in(bed: &Bed, user: &str, number: u8, created: Timestamp) -> SessionFingerprint {
    let known = bed.stores.users.user(&name(user)).await.unwrap().unwrap();
    assert!(open(bed, user, known.epoch, number, created).await);
    [number; 32]
}

async fn open(bed: &Bed, user: &str, epoch: i64, number: u8, created: Timestamp) -> bool {
    let session = NewSession {
        fingerprint: [number; 32],
        user: name(user),
        epoch,
        from: format!("192.0.2.{number}"),
        created,
        expires: created.plus_seconds(3600),
    };
    let noted = noted_as("sign_in");
    bed.stores.users.open_session(&session, &noted).await.unwrap()
}

async fn whose(bed: &Bed, session: SessionFingerprint, now: Timestamp) -> Option<String> {
    let found = bed.stores.users.session(&session, now).await.unwrap();
    found.map(|user| user.name.to_string())
}

async fn actions(bed: &Bed) -> Vec<String> {
    let page = bed.stores.audit.entries(&AuditFilter::default(), PAGE).await;
    let entries = page.unwrap().items.into_iter().rev();
    entries.map(|entry| entry.told.deed.action).collect()
}

pub async fn users_are_added_once_listed_changed_and_deleted(bed: Bed) {
    assert!(add(&bed, "zoe", UserRole::Admin).await);
    assert!(add(&bed, "ann", UserRole::Reader).await);
    assert!(!add(&bed, "ann", UserRole::Admin).await, "the name is taken");
    let bed = bed.reopened().await;
    let users = bed.stores.users.clone();
    let listed = users.list_users().await.unwrap();
    let shown: Vec<_> = listed
        .iter()
        .map(|user| (user.name.as_str(), user.role, user.must_change, user.disabled))
        .collect();
    assert_eq!(
        shown,
        [
            ("ann", UserRole::Reader, true, false),
            ("zoe", UserRole::Admin, true, false)
        ]
    );
    let ann = name("ann");
    assert!(
        users
            .set_user_role(&ann, UserRole::Operator, &noted_as("role"))
            .await
            .unwrap()
    );
    assert!(
        users
            .set_user_disabled(&ann, true, &noted_as("disable"))
            .await
            .unwrap()
    );
    let found = users.user(&ann).await.unwrap().unwrap();
    assert_eq!(
        (found.role, found.disabled, found.created),
        (UserRole::Operator, true, NOW)
    );
    assert_eq!(found.password, hash("ann"));
    assert!(users.delete_user(&ann, &noted_as("delete")).await.unwrap());
    assert!(users.user(&ann).await.unwrap().is_none());
    for gone in [
        users.delete_user(&ann, &noted()).await,
        users.set_user_disabled(&ann, false, &noted()).await,
        users.set_user_role(&ann, UserRole::Admin, &noted()).await,
        users.reset_password(&ann, &hash("x"), &noted()).await,
        users.change_password(&ann, 0, &hash("x"), &noted()).await,
        users.close_sessions(&ann, &noted()).await,
        users.close_session(&[9; 32], &noted()).await,
    ] {
        assert!(!gone.unwrap());
    }
    assert_eq!(
        actions(&bed).await,
        ["add_user", "add_user", "role", "disable", "delete"]
    );
}

pub async fn a_session_ends_with_its_time_its_user_and_its_password(bed: Bed) {
    add(&bed, "ann", UserRole::Reader).await;
    add(&bed, "bob", UserRole::Reader).await;
    let (ann, later) = (name("ann"), NOW.plus_seconds(3600));
    let of_bob = sign_in(&bed, "bob", 200, NOW).await;

    let session = sign_in(&bed, "ann", 1, NOW).await;
    assert_eq!(whose(&bed, session, NOW).await.as_deref(), Some("ann"));
    assert_eq!(whose(&bed, [2; 32], NOW).await, None);
    assert!(whose(&bed, session, later.plus_millis(-1)).await.is_some());
    assert_eq!(whose(&bed, session, later).await, None, "its time is over");
    let bed = bed.reopened().await;
    assert!(whose(&bed, session, NOW).await.is_some());
    assert!(users_of(&bed).close_session(&session, &noted()).await.unwrap());
    assert_eq!(whose(&bed, session, NOW).await, None);

    for (number, end) in [(3_u8, "reset"), (4, "change"), (5, "disable"), (6, "everywhere")] {
        let session = sign_in(&bed, "ann", number, NOW).await;
        assert!(whose(&bed, session, NOW).await.is_some());
        let users = users_of(&bed);
        let before = users.user(&ann).await.unwrap().unwrap();
        let noted = noted_as(end);
        let done = match end {
            "reset" => users.reset_password(&ann, &hash("one-time"), &noted).await,
            "change" => {
                users
                    .change_password(&ann, before.epoch, &hash("chosen"), &noted)
                    .await
            }
            "disable" => users.set_user_disabled(&ann, true, &noted).await,
            _ => users.close_sessions(&ann, &noted).await,
        };
        assert!(done.unwrap(), "{end}");
        assert_eq!(whose(&bed, session, NOW).await, None, "{end}");
        let now = users.user(&ann).await.unwrap().unwrap();
        match end {
            "reset" => assert!(now.must_change && now.password == hash("one-time")),
            "change" => assert!(!now.must_change && now.password == hash("chosen")),
            "disable" => {
                assert!(
                    !open(&bed, "ann", now.epoch, 50, NOW).await,
                    "a disabled user signs in no more"
                );
                assert!(users.set_user_disabled(&ann, false, &noted).await.unwrap());
                assert_eq!(whose(&bed, session, NOW).await, None, "and stays signed out");
            }
            _ => {}
        }
        assert!(
            !open(&bed, "ann", before.epoch, 51, NOW).await,
            "a password that was checked before {end} opens nothing after it"
        );
    }
    assert!(
        !users_of(&bed)
            .change_password(&ann, 0, &hash("late"), &noted())
            .await
            .unwrap(),
        "nor does it change the password"
    );
    let session = sign_in(&bed, "ann", 7, NOW).await;
    users_of(&bed).delete_user(&ann, &noted()).await.unwrap();
    assert_eq!(whose(&bed, session, NOW).await, None);
    add(&bed, "ann", UserRole::Admin).await;
    assert_eq!(
        whose(&bed, session, NOW).await,
        None,
        "another person of the same name"
    );
    assert_eq!(whose(&bed, of_bob, NOW).await.as_deref(), Some("bob"));
}

fn users_of(bed: &Bed) -> std::sync::Arc<dyn fieldgate::storage::Users> {
    bed.stores.users.clone()
}

pub async fn sessions_are_listed_and_forgotten(bed: Bed) {
    add(&bed, "ann", UserRole::Reader).await;
    add(&bed, "bob", UserRole::Reader).await;
    let (users, ann, bob) = (bed.stores.users.clone(), name("ann"), name("bob"));
    for number in 1..=4 {
        sign_in(&bed, "ann", number, NOW.plus_seconds(i64::from(number))).await;
    }
    sign_in(&bed, "bob", 100, NOW).await;
    let numbers = async |user: &UserName, now| {
        let listed = users.list_sessions(user, now).await.unwrap();
        let numbers = listed.iter().map(|session| session.fingerprint[0]);
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(numbers(&ann, NOW).await, [4, 3, 2, 1], "the newest first");
    let listed = users.list_sessions(&ann, NOW).await.unwrap();
    assert_eq!(
        (listed[0].from.as_str(), listed[0].expires),
        ("192.0.2.4", NOW.plus_seconds(3604))
    );
    assert_eq!(numbers(&ann, NOW.plus_seconds(3602)).await, [4, 3]);

    users.forget_sessions(&ann, NOW, 3).await.unwrap();
    assert_eq!(numbers(&ann, NOW).await, [4, 3, 2], "the newest stay");
    assert_eq!(numbers(&bob, NOW).await, [100], "and those of others");
    users
        .forget_sessions(&ann, NOW.plus_seconds(3602), 3)
        .await
        .unwrap();
    assert_eq!(numbers(&ann, NOW).await, [4, 3], "what is over goes");
    assert!(numbers(&bob, NOW).await.is_empty(), "of everyone");
    users.close_sessions(&ann, &noted()).await.unwrap();
    assert!(numbers(&ann, NOW).await.is_empty());
    sign_in(&bed, "ann", 5, NOW).await;
    users.forget_sessions(&ann, NOW, 1).await.unwrap();
    assert_eq!(
        numbers(&ann, NOW).await,
        [5],
        "those that were ended take no place"
    );
}
