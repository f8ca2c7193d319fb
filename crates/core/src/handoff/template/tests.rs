//! Templates: what is built in, what is missing, and what nobody may make.

use super::*;
use crate::handoff::{Addressee, Attempt, Mode, Reason, Tried};
use crate::policy::Role;

pub(crate) fn draft() -> Draft {
    let reason = Reason {
        code: "other".to_owned(),
        text: "asked for it".to_owned(),
        rule: None,
    };
    Draft::new(
        Mode::Transfer,
        Addressee::Role(Role::Editor),
        reason,
        "They want to cancel.".to_owned(),
    )
}

#[test]
fn every_built_in_template_keeps_to_the_rules_and_names_each_missing_field() {
    let all = Template::built_in();
    assert_eq!(all.len(), 4);
    for template in all {
        let own = Template {
            id: Name::new("own").unwrap(),
            ..template.clone()
        };
        assert_eq!(own.check(), Ok(()), "{}", template.id);
        assert!(template.check().is_err(), "its id is taken");
        assert_eq!(
            Template::named(template.id.as_str()),
            Some(template.clone())
        );
        assert_eq!(
            template.layout().len(),
            DraftField::ALL.len(),
            "nothing is left out"
        );
        let problems = template.validate(&draft());
        let missing: BTreeSet<DraftField> = problems.iter().filter_map(|p| p.field).collect();
        let required = template
            .fields
            .iter()
            .filter(|f| f.required && f.field != F::Summary);
        assert_eq!(missing, required.map(|f| f.field).collect(), "{problems:?}");
    }
    assert_eq!(Template::named("handoff.nothing"), None);
}

#[test]
fn a_draft_that_fits_has_no_problem_and_one_that_is_too_long_says_where() {
    let template = Template::named("handoff.support.v1").unwrap();
    let mut draft = draft();
    draft.needs = vec!["a refund".to_owned()];
    draft.unresolved = vec!["may anybody?".to_owned()];
    draft.tried = vec![Attempt {
        action: "cancel".to_owned(),
        outcome: Tried::Failed,
        item: None,
    }];
    draft.next_steps = vec![crate::handoff::NextStep {
        text: "decide".to_owned(),
        owner: None,
        due: None,
    }];
    assert_eq!(template.validate(&draft), []);
    draft.summary = "word ".repeat(121);
    draft.needs = vec![" ".to_owned()];
    let told: Vec<String> = template
        .validate(&draft)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told[0], "summary: has 121 words, at most 120");
    assert!(told[1].starts_with("needs: is missing"), "{told:?}");
    assert_eq!(told.len(), 2);
    let mut short = template;
    short.fields[2].max_entries = Some(1);
    short.fields[2].max_chars = Some(3);
    draft.needs = vec!["äöü".to_owned(), "four".to_owned()];
    let told: Vec<String> = short
        .validate(&draft)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        told.contains(&"needs: has 2 entries, at most 1".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"needs: has 4 characters, at most 3".to_owned()),
        "{told:?}"
    );
}

#[test]
fn a_template_that_would_mislead_is_refused() {
    let field = |field: DraftField| TemplateField {
        field,
        required: true,
        heading: None,
        prompt: "Why?".to_owned(),
        max_words: None,
        max_chars: None,
        max_entries: None,
    };
    let of = |fields: Vec<TemplateField>| Template {
        id: Name::new("own.v1").unwrap(),
        title: "Own".to_owned(),
        fields,
    };
    assert_eq!(of(vec![field(F::Summary), field(F::Needs)]).check(), Ok(()));
    let with = |change: &dyn Fn(&mut TemplateField)| {
        let mut one = field(F::Summary);
        change(&mut one);
        of(vec![one]).check()
    };
    assert!(of(vec![]).check().is_err());
    assert!(
        of(vec![field(F::Summary), field(F::Summary)])
            .check()
            .is_err()
    );
    assert!(with(&|f| f.heading = Some("Needs and concerns".to_owned())).is_err());
    assert!(with(&|f| f.heading = Some("evidence".to_owned())).is_err());
    assert_eq!(with(&|f| f.heading = Some("In short".to_owned())), Ok(()));
    for bad in ["", " ", "a\nb", "a\u{202e}b", " a", &"a".repeat(81)] {
        assert!(
            with(&|f| f.heading = Some(bad.to_owned())).is_err(),
            "{bad:?}"
        );
    }
    for bad in ["a\nb", "a --> b", "a\u{200b}b", &"a".repeat(301)] {
        assert!(with(&|f| f.prompt = bad.to_owned()).is_err(), "{bad:?}");
    }
    assert!(with(&|f| f.max_words = Some(0)).is_err());
    let title = |title: &str| {
        let mut one = of(vec![field(F::Summary)]);
        one.title = title.to_owned();
        one.check()
    };
    assert!(title("").is_err() && title("a\tb").is_err() && title("Own").is_ok());
}
