package tpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"latchkey/sync/wire"
)

// applyGrant brings the index to what the grant says. It returns whether the index has a
// budget, be it an earlier one.
func (t *TPM) applyGrant(c *conn, i *index, ref *wire.TPMRef, g *wire.Grant) (has bool, err error) {
	name, err := c.indexName()
	if err != nil {
		return false, err
	}
	first := g.Nonce != (wire.TPMNonce{})
	if bytes.Equal(name, i.written.Buffer) {
		if first {
			return true, nil // done before
		}
		budget, err := c.budget(i)
		if err != nil || budget.Limit >= g.Limit {
			return true, err
		}
		return true, c.withPolicy(func(session tpm2.TPMHandle) error { return c.approve(session, i, ref, g) },
			func(session tpm2.Session) error { return c.write(session, i, g) })
	}

	if !first {
		return false, fmt.Errorf("%w: this is a later one, and the TPM has no index for it", ErrNoBudget)
	}
	if t.nonce.session == nil || g.Nonce != t.nonce.value {
		return false, fmt.Errorf("%w: this one answers another request", ErrNoBudget)
	}
	if !t.nonceIsOpen(c) {
		return false, fmt.Errorf("%w: this one comes too late, or the TPM was reset", ErrNoBudget)
	}
	// The grant is checked before another index goes for it. If it is not good, the nonce
	// waits for one that is.
	if err := c.approve(t.nonce.session.Handle(), i, ref, g); err != nil {
		return false, err
	}
	defer t.endNonce(c)
	if name != nil {
		if err := c.undefine(indexHandle, name); err != nil {
			return false, fmt.Errorf("undefine the earlier index: %w", err)
		}
	}
	if err := c.define(i.area); err != nil {
		return false, fmt.Errorf("define the index: %w", err)
	}
	err = c.write(t.nonce.session, i, g)
	return err == nil, err
}

// approve makes the grant key's signature part of the session's policy.
func (c *conn) approve(session tpm2.TPMHandle, i *index, ref *wire.TPMRef, g *wire.Grant) error {
	_, cpHash, err := i.approval(ref, g)
	if err != nil {
		return err
	}
	key, err := tpm2.LoadExternal{InPublic: tpm2.New2B(*i.grantKey), Hierarchy: tpm2.TPMRHOwner}.Execute(c)
	if err != nil {
		return fmt.Errorf("load the grant key: %w", err)
	}
	defer c.flush(key.ObjectHandle)
	signed := tpm2.PolicySigned{AuthObject: tpm2.NamedHandle{Handle: key.ObjectHandle, Name: objectName(i.grantKey)}, PolicySession: session,
		CPHashA: cpHash, PolicyRef: tpm2.TPM2BNonce{Buffer: ref[:]},
		Auth: tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgECDSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{
			Hash:       tpm2.TPMAlgSHA256,
			SignatureR: tpm2.TPM2BECCParameter{Buffer: g.Signature[:32]},
			SignatureS: tpm2.TPM2BECCParameter{Buffer: g.Signature[32:]},
		})}}
	if g.Nonce != (wire.TPMNonce{}) {
		signed.NonceTPM.Buffer = g.Nonce[:]
	}
	if _, err := signed.Execute(c); errors.Is(err, tpm2.TPMRCSignature) {
		return fmt.Errorf("%w: %w", ErrGrant, err)
	} else if err != nil {
		return err
	}
	branches := or(i.branches[:])
	branches.PolicySession = session
	_, err = branches.Execute(c)
	return err
}

func (c *conn) write(session tpm2.Session, i *index, g *wire.Grant) error {
	write := i.writeCommand(g)
	write.AuthHandle = tpm2.AuthHandle{Handle: indexHandle, Name: i.nameFor(g), Auth: session}
	if _, err := write.Execute(c); err != nil {
		return fmt.Errorf("write the limit: %w", err)
	}
	return nil
}

// writeCommand returns the command by which a grant changes the index.
func (i *index) writeCommand(g *wire.Grant) tpm2.NVWrite {
	name, data, offset := i.nameFor(g), binary.BigEndian.AppendUint32(nil, g.Limit), uint16(4)
	if g.Nonce != (wire.TPMNonce{}) {
		data, offset = append(make([]byte, 4), data...), 0
	}
	return tpm2.NVWrite{AuthHandle: tpm2.NamedHandle{Handle: indexHandle, Name: name}, NVIndex: tpm2.NamedHandle{Handle: indexHandle, Name: name},
		Data: tpm2.TPM2BMaxNVBuffer{Buffer: data}, Offset: offset}
}

// nameFor returns the name that the index has when this grant is written.
func (i *index) nameFor(g *wire.Grant) tpm2.TPM2BName {
	if g.Nonce != (wire.TPMNonce{}) {
		return i.fresh
	}
	return i.written
}

// approval returns what a grant signs (Part 3, TPM2_PolicySigned: aHash), and the hash of
// the one command that it allows.
func (i *index) approval(ref *wire.TPMRef, g *wire.Grant) (digest []byte, cpHash tpm2.TPM2BDigest, err error) {
	hash, err := tpm2.CPHash[tpm2.NVWriteResponse](tpm2.TPMAlgSHA256, i.writeCommand(g))
	if err != nil {
		return nil, cpHash, fmt.Errorf("tpm: a grant: %w", err)
	}
	sum := sha256.New()
	if g.Nonce != (wire.TPMNonce{}) {
		sum.Write(g.Nonce[:])
	}
	sum.Write(make([]byte, 4)) // expiration: none
	sum.Write(hash.Buffer)
	sum.Write(ref[:])
	return sum.Sum(nil), *hash, nil
}

// indexName returns the name of what is at the index's handle, nil if nothing is.
func (c *conn) indexName() ([]byte, error) {
	answer, err := tpm2.NVReadPublic{NVIndex: indexHandle}.Execute(c)
	if errors.Is(err, tpm2.TPMRCHandle) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	area, err := answer.NVPublic.Contents()
	if err != nil {
		return nil, err
	}
	return indexName(*area).Buffer, nil
}

func (c *conn) define(area tpm2.TPMSNVPublic) error {
	_, err := tpm2.NVDefineSpace{AuthHandle: owner(), PublicInfo: tpm2.New2B(area)}.Execute(c)
	return owned(err)
}

func (c *conn) undefine(handle tpm2.TPMHandle, name []byte) error {
	_, err := tpm2.NVUndefineSpace{AuthHandle: owner(), NVIndex: tpm2.NamedHandle{Handle: handle, Name: tpm2.TPM2BName{Buffer: name}}}.Execute(c)
	return owned(err)
}
