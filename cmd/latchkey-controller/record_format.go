package main

import (
	"encoding/hex"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A jsonRecord is a record as JSON.
type jsonRecord struct {
	Reader     string    `json:"reader"`
	Journal    string    `json:"journal"`
	Number     uint64    `json:"number"`
	Hash       string    `json:"hash"`
	Kind       string    `json:"kind"`
	Time       time.Time `json:"time"`
	Trusted    bool      `json:"time-trusted"`
	Received   time.Time `json:"received"`
	Seq        uint64    `json:"seq,omitempty"`
	Credential uint64    `json:"credential,omitempty"`
	User       uint64    `json:"user,omitempty"`
	By         string    `json:"by,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	Wrong      uint16    `json:"wrong,omitempty"`
	Seconds    uint32    `json:"seconds,omitempty"`
	Users      []uint64  `json:"users,omitempty"`
	Tag        string    `json:"unknown-card,omitempty"`
	Command    string    `json:"command,omitempty"`
	Order      string    `json:"order,omitempty"`
	Mode       string    `json:"mode,omitempty"`
	Who        string    `json:"who,omitempty"`
	Epoch      uint64    `json:"epoch,omitempty"`
	Revision   uint64    `json:"revision,omitempty"`
	Policy     uint64    `json:"policy-revision,omitempty"`
	Subject    string    `json:"subject,omitempty"`
	Text       string    `json:"text,omitempty"`
	Count      uint64    `json:"count,omitempty"`
	First      uint64    `json:"first,omitempty"`
	Last       uint64    `json:"last,omitempty"`
	Version    string    `json:"version,omitempty"`
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
}

func recordJSON(row *store.Record, r *wire.Record, in *time.Location) *jsonRecord {
	out := &jsonRecord{
		Reader: row.Reader, Journal: row.Journal.String(), Number: r.Number, Hash: row.Hash.String(), Kind: desk.Clean(string(r.Kind)),
		Time: time.UnixMilli(r.Time).In(in), Trusted: r.Trusted, Received: time.UnixMilli(row.Received).In(in),
		Seq: r.Seq, Credential: r.Credential, User: r.User, By: desk.Clean(string(r.By)), Reason: desk.Clean(string(r.Reason)), Cause: desk.Clean(string(r.Cause)), Wrong: r.Wrong,
		Seconds: r.Seconds, Users: slices.Clone(r.Users), Tag: hex.EncodeToString(r.Tag), Order: desk.Clean(string(r.Order)), Mode: desk.Clean(string(r.Mode)), Who: desk.Clean(r.Who),
		Epoch: r.Epoch, Revision: r.Revision, Policy: r.PolicyRevision, Subject: desk.Clean(r.Subject), Text: desk.Clean(r.Text), Count: r.Count,
		First: r.First, Last: r.Last, Version: desk.Clean(r.Version),
	}
	if r.Kind == wire.ClockStepped || r.From != 0 {
		out.From = time.UnixMilli(r.From).In(in)
	}
	if r.Kind == wire.ClockStepped || r.To != 0 {
		out.To = time.UnixMilli(r.To).In(in)
	}
	if r.Command != (wire.CommandID{}) {
		out.Command = r.Command.String()
	}
	return out
}
