//! From [`Config`] to a bound iroh endpoint that talks to nobody it was not told to.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use iroh::address_lookup::{
    AddrFilter, DnsAddressLookup, N0_DNS_ENDPOINT_ORIGIN_PROD, N0_DNS_PKARR_RELAY_PROD,
    PkarrPublisher, PkarrResolver,
};
use iroh::endpoint::{
    BindOpts, Builder, InvalidSocketAddr, PortmapperConfig, QuicTransportConfig,
    QuicTransportConfigBuilder, VarInt, presets,
};
use iroh::{Endpoint, RelayMode};
use iroh_mdns_address_lookup::MdnsAddressLookup;

use crate::gate::GateHook;
use crate::limits::{DIAL_FIRST_RTT, IDLE_TIMEOUT, KEEP_ALIVE, STREAMS_PER_CONNECTION_MAX};
use crate::{
    ALPN_JOIN, ALPN_SYNC, BindError, Config, Discovery, EndpointSecret, Gate, Listen, Relay,
};

/// Binds the sockets; nothing is accepted until somebody asks for it.
pub(crate) async fn bind(
    secret: EndpointSecret,
    config: &Config,
    gate: Arc<dyn Gate>,
) -> Result<Endpoint, BindError> {
    let cannot_listen = |source| BindError::Listen {
        listen: config.listen,
        source,
    };
    let builder = Endpoint::builder(presets::Minimal)
        .secret_key(secret.into_key())
        .alpns(vec![ALPN_SYNC.to_vec(), ALPN_JOIN.to_vec()])
        .hooks(GateHook(gate))
        .transport_config(accepting())
        .portmapper_config(PortmapperConfig::Disabled)
        .max_tls_tickets(0) // nothing to resume from, hence no 0-RTT
        .relay_mode(relay_mode(&config.relay)?);
    let builder = with_lookup(builder, config)?;
    let builder = with_sockets(builder, config.listen).map_err(|e| cannot_listen(e.into()))?;
    let endpoint = builder.bind().await.map_err(|e| cannot_listen(e.into()))?;
    start_discovery(&endpoint, config.discovery)?;
    Ok(endpoint)
}

/// Transport settings of connections that we dial: the acceptor opens no streams.
pub(crate) fn dialling() -> QuicTransportConfig {
    transport()
        .initial_rtt(DIAL_FIRST_RTT)
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .build()
}

fn accepting() -> QuicTransportConfig {
    transport()
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_PER_CONNECTION_MAX))
        .build()
}

fn transport() -> QuicTransportConfigBuilder {
    QuicTransportConfig::builder()
        .keep_alive_interval(KEEP_ALIVE)
        .max_idle_timeout(Some(
            IDLE_TIMEOUT
                .try_into()
                .expect("30 s fit a QUIC idle timeout"),
        ))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
}

fn relay_mode(relay: &Relay) -> Result<RelayMode, BindError> {
    match relay {
        Relay::None => Ok(RelayMode::Disabled),
        Relay::Default => Ok(RelayMode::Default),
        Relay::Custom(url) => match url.parse() {
            Ok(parsed) => Ok(RelayMode::custom([parsed])),
            Err(_) => Err(BindError::InvalidRelay { url: url.clone() }),
        },
    }
}

/// The public look-up, spelled out because iroh's own preset lets an environment variable redirect it.
fn with_lookup(builder: Builder, config: &Config) -> Result<Builder, BindError> {
    if !config.public_lookup {
        return Ok(builder);
    }
    if config.relay == Relay::None {
        return Err(BindError::LookupNeedsRelay);
    }
    let published_at = || {
        N0_DNS_PKARR_RELAY_PROD
            .parse()
            .expect("iroh's constant is a URL")
    };
    Ok(builder
        .address_lookup(
            PkarrPublisher::builder(published_at()).addr_filter(AddrFilter::relay_only()),
        )
        .address_lookup(PkarrResolver::builder(published_at()))
        .address_lookup(DnsAddressLookup::builder(
            N0_DNS_ENDPOINT_ORIGIN_PROD.to_owned(),
        )))
}

fn with_sockets(builder: Builder, listen: Listen) -> Result<Builder, InvalidSocketAddr> {
    let builder = builder.clear_ip_transports();
    match listen {
        Listen::Loopback(port) => builder.bind_addr((Ipv4Addr::LOCALHOST, port)),
        Listen::Addr(address) => builder.bind_addr(address),
        Listen::Any(port) => builder
            .bind_addr((Ipv4Addr::UNSPECIFIED, port))?
            .bind_addr_with_opts(
                (Ipv6Addr::UNSPECIFIED, port),
                BindOpts::default().set_is_required(false), // a host may have no IPv6
            ),
    }
}

fn start_discovery(endpoint: &Endpoint, discovery: Discovery) -> Result<(), BindError> {
    if discovery == Discovery::Off {
        return Ok(());
    }
    let mdns = MdnsAddressLookup::builder()
        .service_name("kitbag")
        .advertise(discovery == Discovery::Advertise)
        .addr_filter(AddrFilter::ip_only())
        .build(endpoint.id())
        .map_err(|e| BindError::Discovery(e.into()))?;
    endpoint
        .address_lookup()
        .map_err(|e| BindError::Discovery(e.into()))?
        .add(mdns);
    Ok(())
}
