//! Resources: packs and notes by their addresses. Each has a tool that does the same, since few clients
//! read resources. A name here is an id: titles stand in answers alone.

use crate::server::internal;
use crate::{failure, tools};
use kitbag_render::AgentFormat;
use kitbag_rpc::{
    AGENT_READ_TOKENS_MAX, AgentListPacks, AgentReadNotes, AgentScope, Client, Code, Failure, V1,
};
use rmcp::model::{
    Annotations, CacheScope, ErrorData, ReadResourceResult, Resource, ResourceContents,
    ResourceTemplate, Role,
};
use serde_json::json;

const PACK: &str = "pack://";
const ITEM: &str = "item://";

/// The packs of this agent.
pub(crate) async fn list(client: &Client, scopes: &[AgentScope]) -> Result<Vec<Resource>, Failure> {
    if !scopes.contains(&AgentScope::Search) {
        return Ok(vec![]);
    }
    let packs = client.call(&AgentListPacks::default()).await;
    let packs = packs.map_err(failure::of)?.packs.into_iter();
    Ok(packs
        .map(|pack| {
            Resource::new(format!("{PACK}{}", pack.id), format!("pack {}", pack.id))
                .with_description("A context pack: its title and what you may read in it")
                .with_mime_type("application/json")
                .with_annotations(for_models(0.5))
        })
        .collect())
}

/// The addresses that can be read.
pub(crate) fn templates(scopes: &[AgentScope]) -> Vec<ResourceTemplate> {
    let mut templates = Vec::new();
    if scopes.contains(&AgentScope::Search) {
        templates.push(
            ResourceTemplate::new(format!("{PACK}{{pack_id}}"), "pack")
                .with_description("A context pack, by the id that list_packs gives")
                .with_mime_type("application/json")
                .with_annotations(for_models(0.5)),
        );
    }
    if scopes.contains(&AgentScope::Read) {
        templates.push(
            ResourceTemplate::new(format!("{ITEM}{{item_id}}"), "item")
                .with_description("A note in full, by the id that search_items gives")
                .with_mime_type("application/xml")
                .with_annotations(for_models(0.8)),
        );
    }
    templates
}

fn for_models(priority: f32) -> Annotations {
    Annotations::default()
        .with_audience(vec![Role::Assistant])
        .with_priority(priority)
}

/// What stands at an address.
pub(crate) async fn read(
    client: &Client,
    scopes: &[AgentScope],
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let contents = if let Some(id) = uri.strip_prefix(PACK)
        && scopes.contains(&AgentScope::Search)
    {
        pack(client, uri, id).await?
    } else if let Some(id) = uri.strip_prefix(ITEM)
        && scopes.contains(&AgentScope::Read)
    {
        item(client, uri, id).await?
    } else {
        return Err(unknown(uri));
    };
    Ok(ReadResourceResult::new(vec![contents])
        .with_ttl_ms(0)
        .with_cache_scope(CacheScope::Private))
}

async fn pack(client: &Client, uri: &str, id: &str) -> Result<ResourceContents, ErrorData> {
    let packs = client.call(&AgentListPacks::default()).await;
    let packs = packs.map_err(|e| internal(&failure::of(e)))?.packs;
    let found = packs.into_iter().find(|pack| pack.id == id);
    let text = tools::plain(&found.ok_or_else(|| unknown(uri))?).to_string();
    Ok(ResourceContents::text(text, uri).with_mime_type("application/json"))
}

async fn item(client: &Client, uri: &str, id: &str) -> Result<ResourceContents, ErrorData> {
    let read = AgentReadNotes {
        v: V1,
        ids: vec![id.to_owned()],
        max_tokens: Some(AGENT_READ_TOKENS_MAX),
    };
    let notes = match client.call(&read).await.map_err(failure::of) {
        Err(failed) if failed.code == Code::BadInput => return Err(unknown(uri)),
        other => other.map_err(|failed| internal(&failed))?,
    };
    let note = notes.notes.first().ok_or_else(|| unknown(uri))?;
    let format = AgentFormat::Xml;
    let mut text = format.head();
    text.push_str(&format.note(&note.note, &note.warnings, 0));
    text.push_str(format.foot());
    Ok(ResourceContents::text(text, uri).with_mime_type("application/xml"))
}

/// Never empty contents: a client would take them for a note without text.
fn unknown(uri: &str) -> ErrorData {
    let uri = failure::shown(uri);
    ErrorData::invalid_params("resource not found", Some(json!({"uri": uri})))
}
