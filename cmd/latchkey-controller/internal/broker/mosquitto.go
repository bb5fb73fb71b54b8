package broker

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// Files that Write writes.
const (
	ConfigFile     = "mosquitto.conf"
	BrokerFile     = "broker.pem" // its certificate
	accessFile     = "access.acl"
	authorityFile  = "authority.pem"
	brokerKeyFile  = "broker.key"
	revokedFile    = "revoked.pem"
	mosquittoLimit = maxPacket + 1024
)

// A Mosquitto is what goes into the configuration.
type Mosquitto struct {
	Site        string           // name
	Address     string           // host to listen on; "": all
	Port        string           //
	Certificate *tls.Certificate // the broker's own
	Authority   []byte           // DER
	Revoked     []byte           // certificate revocation list, DER
	Controller  string           // name in the controller's certificate
	Readers     []string         // of the cell that have a bundle in force
	Others      []string         // of other cells: they are let in when they are moved, before anybody writes this again
	Room        int              // for how many readers its limits are, at least
	At          string           // absolute path of the directory in which Mosquitto finds the files; "": where Write writes them

	Bridge        string   // name in the certificate with which the controller shows readers to broker clients
	BrokerClients []string // names in their certificates
}

// Write writes the configuration of a Mosquitto 2.0 into a directory: mosquitto.conf, an
// access list by the names in certificates, the broker's certificate and key, the
// authority and the revoked certificates. It replaces files that are there already.
func (m *Mosquitto) Write(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	at := cmp.Or(m.At, dir)
	if strings.ContainsAny(at, "\n\r") {
		return fmt.Errorf("%q cannot stand in a configuration", at)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(m.Certificate.PrivateKey)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{
		{accessFile, []byte(m.access())},
		{authorityFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Authority})},
		{BrokerFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Certificate.Certificate[0]})},
		{brokerKeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})},
		{revokedFile, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: m.Revoked})},
		{ConfigFile, []byte(m.config(at))},
	} {
		if err := durable.WriteFile(filepath.Join(dir, file.name), file.content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// config returns mosquitto.conf (mosquitto.conf(5), version 2.0), for files in dir.
func (m *Mosquitto) config(dir string) string {
	path := func(name string) string { return filepath.Join(dir, name) }
	readers := max(len(m.Readers), m.Room)
	return fmt.Sprintf(`# Latchkey site %s: written by latchkey-controller broker-config, which
# writes it again when a reader or a broker client was added or removed.

listener %s
tls_version tlsv1.3
cafile %s
certfile %s
keyfile %s
crlfile %s

# A client is identified by the name in its certificate, and by nothing else.
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file %s

# Limits of what waits for one client. Mosquitto 2.0 limits neither what a client
# with QoS 0 does not read, nor what it acknowledges without reading: a compromised
# reader or broker client can make it use more and more memory. Give its service a
# MemoryMax (systemd.resource-control(5)) and a Restart; and with more than 900 readers a
# LimitNOFILE above max_connections (systemd.exec(5)), as 1024 is what it has otherwise.

# The controller and the readers publish retained messages again.
persistence false
allow_zero_length_clientid false
max_packet_size %d
max_inflight_messages %d
max_inflight_bytes %d
max_queued_messages %d
max_queued_bytes %d
max_connections %d
max_keepalive %d
queue_qos0_messages false
set_tcp_nodelay true
sys_interval 0

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
`, m.Site, strings.TrimSpace(m.Port+" "+m.Address), path(authorityFile), path(BrokerFile), path(brokerKeyFile), path(revokedFile), path(accessFile),
		mosquittoLimit, max(64, readers/16), maxQueued, max(maxPending, 4*readers), max(maxQueued, readers<<11), connections(readers), keepAlive)
}

// connections returns how many there may be at once: while a reader comes back, its former
// one may still count. Readers may be added before the next restart.
func connections(readers int) int { return max(maxClients, 2*readers+1024) }

// access returns the access list. In a pattern, %u stands for the name in a reader's
// certificate. The topics that all readers subscribe to have no such name in them, and
// Mosquitto warns of a pattern without %u: so each reader has a section for those.
func (m *Mosquitto) access() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Each reader of the site %s is confined to its own topics.\n\n", m.Site)
	fmt.Fprintf(&b, "user %s\ntopic readwrite %s#\n\n", m.Controller, root(m.Site))
	// The patterns below are for readers: what denies goes before.
	fmt.Fprintf(&b, "user %s\ntopic deny latchkey/#\ntopic readwrite %s#\ntopic readwrite %s#\ntopic read %s\n\n", m.Bridge, shown(m.Site), described, birth)
	for _, name := range slices.Sorted(slices.Values(m.BrokerClients)) {
		fmt.Fprintf(&b, "user %s\ntopic deny latchkey/#\ntopic read %[2]s#\ntopic write %[2]s+/command/+\ntopic read %s#\ntopic write %s\n\n", name, shown(m.Site), discovery, birth)
	}
	site, own, published := channels()
	for _, reader := range slices.Sorted(slices.Values(slices.Concat(m.Readers, m.Others))) {
		fmt.Fprintf(&b, "user %s\n", reader)
		for _, c := range site {
			fmt.Fprintf(&b, "topic read %s\n", c.Topic(m.Site, ""))
		}
		b.WriteByte('\n')
	}
	for _, c := range own {
		fmt.Fprintf(&b, "pattern read %s\n", c.Topic(m.Site, "%u"))
	}
	for _, c := range published {
		fmt.Fprintf(&b, "pattern write %s\n", c.Topic(m.Site, "%u"))
	}
	return b.String()
}

// root returns the prefix of all topics of a site.
func root(site string) string {
	return strings.TrimSuffix(wire.OnHead.Topic(site, ""), string(wire.OnHead))
}
