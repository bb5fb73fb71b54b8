package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/connection"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/pin/tpm"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// link is the link to the controller. It turns news of the controller into events for
// the brain, and reports the brain's state to the controller. Without a controller it
// does nothing.
type link struct {
	client *readersync.Client // nil: no controller, or fault
	fault  string             // why there is no client although there is a controller
	data   error              // what is wrong with where the data is kept
	clock  *clock
	held   *held
	send   func(device.Event)
	heard  func(bool) // whether the controller answers
	log    *slog.Logger
}

// newLink returns the link of a reader to its site. If it cannot be set up, the reader
// works without it. policy is the one in force; nil: there is none.
func (r *reader) newLink(ctx context.Context, s *adoption.Site, options cache.Options, durable device.Durable, policy *wire.Policy, h *held, events readersync.Journal, send func(device.Event)) *link {
	l := &link{data: r.data, clock: r.clock, held: h, send: send, heard: r.metrics.Linked, log: r.log}
	if s.Broker == "" {
		return l
	}
	var err error
	if l.client, err = l.open(ctx, r.tpm, s, options, durable, policy, events); err != nil {
		r.log.Error("no link to the controller: have the reader adopted anew", "err", err)
		l.fault = "cannot be set up: " + err.Error()
	}
	return l
}

func (l *link) open(ctx context.Context, chip *tpm.TPM, s *adoption.Site, options cache.Options, durable device.Durable, policy *wire.Policy, events readersync.Journal) (*readersync.Client, error) {
	id, err := adoption.ReadIdentity(options.Dir)
	if err != nil {
		return nil, err
	}
	sealing, err := id.SealingKey()
	if err != nil {
		return nil, err
	}
	signing, key, err := id.Signers(ctx, chip)
	if err != nil {
		return nil, err
	}
	authority, err := x509.ParseCertificate(s.Authority)
	if err != nil {
		return nil, fmt.Errorf("the site's authority: %w", err)
	}
	if policy == nil {
		policy = new(wire.Policy)
	}
	return readersync.NewClient(readersync.Config{
		Options: readersync.Options{
			Site: s.ID, SiteName: s.Name, Reader: s.Reader, Version: version,
			Controller: s.ControllerKey(), Signing: l.telling(signing), Sealing: sealing,
			NotBefore: l.clock.built, PolicyRevision: policy.Revision, PolicyFloor: durable.PolicyRevision,
		},
		Brokers:     s.Brokers(),
		Policy:      policy.Brokers,
		Certificate: tls.Certificate{Certificate: [][]byte{s.Certificate}, PrivateKey: l.telling(key)},
		Authority:   authority,
		Cache:       l.held.cache,
		Journal:     events,
		StorePolicy: func(policy *wire.VerifiedPolicy) error { return cache.StorePolicy(options, s.Reader, policy) },
		NextConnection: func() (uint64, error) {
			return connection.Next(options.Dir, durable.Connection, l.clock.built, time.Now())
		},
		Now:  func() time.Duration { return l.clock.now().Monotonic },
		Tell: l.tell,
		Log:  l.log,
	})
}

// A tellingSigner tells when its key does not sign: without it there is no link.
type tellingSigner struct {
	crypto.Signer
	failed func(error)
}

func (s *tellingSigner) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := s.Signer.Sign(random, message, opts)
	if err != nil {
		s.failed(err)
	}
	return signature, err
}

// telling returns a signer that tells the brain why there is no link when it fails.
func (l *link) telling(key crypto.Signer) crypto.Signer {
	return &tellingSigner{key, func(err error) {
		l.send(device.Health{Subject: wire.SubjectLink, Condition: device.Failed, Text: err.Error()})
	}}
}

// run keeps the link up until ctx ends.
func (l *link) run(ctx context.Context) error {
	if l.fault != "" {
		l.send(device.Health{Subject: wire.SubjectLink, Condition: device.Failed, Text: l.fault})
	}
	if l.client == nil {
		return nil
	}
	return l.client.Run(ctx)
}

// tell passes news of the controller to the brain.
func (l *link) tell(news readersync.News) {
	switch news := news.(type) {
	case readersync.Command:
		l.send(device.Command{Command: news.Command})
	case readersync.Refused:
		l.send(device.Refused{Message: news.Message, Reason: news.Reason, Command: news.Command})
	case readersync.LinkChanged:
		l.heard(news.Up)
		health := device.Health{Subject: wire.SubjectLink, Condition: device.Good, Connection: news.Connection}
		if news.Up {
			l.log.Info("the controller answers")
		} else {
			health.Condition, health.Text = device.Failed, news.Why
		}
		l.send(health)
	case readersync.PolicyChanged:
		policy, err := device.LoadPolicy(news.Policy)
		if err != nil {
			l.log.Error("the controller's new policy cannot be used: the old one stays in force", "err", err)
			return
		}
		l.clock.trustSystem(news.Policy.Policy().SystemTime)
		l.send(policy)
	case readersync.CredentialsChanged:
		if news.Key || news.Held.Epoch != l.held.current().epoch.Number {
			l.held.openAgain(context.Background())
		}
		l.held.tell(l.send)
	case readersync.Forked:
		l.send(device.Health{
			Subject: wire.SubjectCache, Condition: device.Forked,
			Text: "the controller's log is another one", Held: news.Position,
		})
	case readersync.ClockSet:
		l.clock.set(news.Wall, news.At)
		l.send(device.Tick{})
	}
}

// report tells the controller the state of the reader and its door.
func (l *link) report(state device.State) {
	if l.client != nil {
		l.client.Report(readersync.Report{Condition: condition(state, l.data), Policy: state.PolicyRevision})
	}
}

// recorded tells the controller that there are records.
func (l *link) recorded() {
	if l.client != nil {
		l.client.Recorded()
	}
}

// damaged tells the brain that a part of the credentials is damaged, and has the
// controller send it again.
func (l *link) damaged() {
	l.held.tell(l.send)
	if l.client != nil {
		l.client.Damaged()
	}
}

// enrol sends a card to the controller, which asked for it.
func (l *link) enrol(id wire.CommandID, uid []byte) error {
	if l.client == nil {
		return errors.New("no controller")
	}
	return l.client.SealCard(id, uid)
}

// cardKeys has the controller give a card keys, as it has ordered.
func (l *link) cardKeys(ctx context.Context, id wire.CommandID, card *wire.CardToKey) (*wire.CardKeySets, error) {
	if l.client == nil {
		return nil, errors.New("no controller")
	}
	return l.client.CardKeys(ctx, id, card)
}

// condition translates the brain's state for the controller, without the link's. data
// is what is wrong with where the data is kept.
func condition(s device.State, data error) wire.Condition {
	c := wire.Condition{
		Lockout: s.Lockout, PIN: s.PIN, Card: s.Card, Strike: s.Strike, Door: s.Door, Mode: &s.Mode,
		Tamper: s.Tamper, ClockTrusted: s.ClockTrusted, Behind: s.Behind,
	}
	if s.TPM != (wire.TPMState{}) {
		c.TPM = &s.TPM
	}
	for _, fault := range s.Parts.Faults() {
		if fault.Subject != wire.SubjectLink {
			c.Faults = append(c.Faults, fault)
		}
	}
	if s.Journal != "" {
		c.Faults = append(c.Faults, wire.Fault{Subject: wire.SubjectJournal, Text: s.Journal})
	}
	if errors.Is(data, datadir.ErrVolatile) {
		c.Faults = append(c.Faults, wire.Fault{Subject: wire.SubjectData, Text: "is kept in memory: a power cut forgets wrong PINs, lockouts and records"})
	}
	return c
}
