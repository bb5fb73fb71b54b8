package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-tpm/tpm2"
)

// A Description is what a TPM is and can do.
type Description struct {
	Manufacturer string // four letters, such as IFX: TPM_PT_MANUFACTURER
	Revision     uint32 // of the specification, times 100: TPM_PT_REVISION
	Slots        uint32 // free ones for persistent objects: see keyHandles
	Have         uint32 // how many of the reader's keys are there
	Lacks        error  // why the TPM cannot keep a budget; nil: it can
	CertifiedBy  string // common name of who has certified the endorsement key; "": nobody, as far as it shows
}

// String says in one line what the TPM can do.
func (d *Description) String() string {
	certified := "no endorsement certificate: a controller has to take it at its word"
	if d.CertifiedBy != "" {
		certified = "certified by " + d.CertifiedBy
	}
	s := fmt.Sprintf("TPM 2.0 of %s, revision %d.%02d, %s, %d free slots for keys", d.Manufacturer, d.Revision/100, d.Revision%100, certified, d.Slots)
	if d.Lacks != nil {
		return s + "; cannot keep a budget of PINs: " + d.Lacks.Error()
	}
	return s + "; can keep a budget of PINs"
}

// scratchHandle is an index that Describe defines and undefines again.
const scratchHandle tpm2.TPMHandle = 0x01804C4C

// Describe asks the TPM what it is, and tries whether it accepts an index with a budget.
func (t *TPM) Describe(ctx context.Context) (*Description, error) {
	d := new(Description)
	err := t.do(ctx, func(c *conn) error {
		got, err := c.describe()
		if err == nil {
			*d = *got
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tpm: %w", err)
	}
	return d, nil
}

func (c *conn) describe() (*Description, error) {
	d := new(Description)
	maker, err := c.property(tpm2.TPMPTManufacturer)
	if err != nil {
		return nil, err
	}
	d.Manufacturer = strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r
		}
		return -1
	}, string(binary.BigEndian.AppendUint32(nil, maker)))
	if d.Revision, err = c.property(tpm2.TPMPTRevision); err != nil {
		return nil, err
	}
	if d.Slots, err = c.property(tpm2.TPMPTHRPersistentAvail); err != nil {
		return nil, err
	}
	for _, handle := range keyHandles() {
		public, err := c.public(handle)
		if err != nil {
			return nil, err
		}
		if public != nil {
			d.Have++
		}
	}
	_, certificate, err := c.endorsement()
	if err != nil {
		return nil, err
	}
	if certificate != nil {
		d.CertifiedBy = certificate.Issuer.CommonName
	}
	d.Lacks, err = c.tryIndex()
	if need := uint32(len(keyHandles())); err == nil && d.Lacks == nil && d.Slots+d.Have < need {
		d.Lacks = fmt.Errorf("%w: %d of the reader's %d keys are there, and %d more have room", ErrFull, d.Have, need, d.Slots)
	}
	return d, err
}

// tryIndex defines an index like a budget's and undefines it again.
func (c *conn) tryIndex() (lacks, err error) {
	area := indexArea(scratchHandle, policy(tpm2.PolicyCommandCode{Code: tpm2.TPMCCNVRead}))
	err = c.define(area)
	if errors.Is(err, tpm2.TPMRCNVDefined) { // left by an earlier try that was cut short
		if err := c.undefine(scratchHandle, indexName(area).Buffer); err != nil {
			return nil, err
		}
		err = c.define(area)
	}
	var rc tpm2.TPMRC
	switch {
	case errors.Is(err, tpm2.TPMRCAttributes):
		return fmt.Errorf("it has no index that counts PINs (TPM_NT_PIN_PASS), which revision 1.38 brought: %w", err), nil
	case errors.As(err, &rc) && !isWarning(rc):
		return explain(err), nil
	case err != nil:
		return nil, err
	}
	return nil, c.undefine(scratchHandle, indexName(area).Buffer)
}
