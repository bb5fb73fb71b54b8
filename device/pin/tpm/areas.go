package tpm

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"latchkey/sync/wire"
)

// Where the objects of a reader are in its TPM: in the owner hierarchy, so that whoever
// clears the TPM makes them useless. "LK" in ASCII is 4C4B.
const (
	parentHandle  tpm2.TPMHandle = 0x81004C4B
	pinHandle     tpm2.TPMHandle = 0x81004C4C
	cardHandle    tpm2.TPMHandle = 0x81004C4D
	tlsHandle     tpm2.TPMHandle = 0x81004C4E
	signingHandle tpm2.TPMHandle = 0x81004C4F
	indexHandle   tpm2.TPMHandle = 0x01804C4B
)

// keyHandles are where the reader's keys are.
func keyHandles() []tpm2.TPMHandle {
	return []tpm2.TPMHandle{parentHandle, pinHandle, cardHandle, tlsHandle, signingHandle}
}

// The public areas, policies and names of these objects (TPM 2.0 Library, Part 1,
// "Enhanced Authorization", and Part 2, "TPMT_PUBLIC" and "TPMS_NV_PUBLIC").

const (
	parentSize  = 122 // of the parent's TPMT_PUBLIC
	coordinate  = 32  // of a point on P-256
	uniqueSize  = 32  // of a key's
	digestBytes = 32  // SHA-256
)

// parentBranches are the commands for which the parent may be used. Rewrap is not among
// them: it would hand out, to anybody with an empty password, what is wrapped to it.
func parentBranches() [][]byte {
	var branches [][]byte
	for _, cc := range []tpm2.TPMCC{tpm2.TPMCCLoad, tpm2.TPMCCImport, tpm2.TPMCCCreate, tpm2.TPMCCActivateCredential} {
		branches = append(branches, policy(tpm2.PolicyCommandCode{Code: cc}))
	}
	return branches
}

// parentArea is the ECC storage root key of the TCG's provisioning guidance, for the
// commands of parentBranches only.
func parentArea(x, y []byte) *tpm2.TPMTPublic {
	area := tpm2.ECCSRKTemplate
	area.ObjectAttributes.UserWithAuth, area.ObjectAttributes.AdminWithPolicy = false, true
	area.AuthPolicy.Buffer = policy(or(parentBranches()))
	area.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
		X: tpm2.TPM2BECCParameter{Buffer: x}, Y: tpm2.TPM2BECCParameter{Buffer: y}})
	return &area
}

// parseParent returns the parent with this encoding, which must be exactly one of ours.
func parseParent(public []byte) (*tpm2.TPMTPublic, error) {
	if len(public) != parentSize {
		return nil, fmt.Errorf("tpm: a parent of %d bytes, not %d", len(public), parentSize)
	}
	point := public[parentSize-2*(2+coordinate):]
	x, y := point[2:2+coordinate], point[2+coordinate+2:]
	area := parentArea(bytes.Clone(x), bytes.Clone(y))
	if !bytes.Equal(tpm2.Marshal(*area), public) {
		return nil, errors.New("tpm: the parent is not the key that a reader makes")
	}
	if _, err := ecdh.P256().NewPublicKey(append([]byte{4}, append(bytes.Clone(x), y...)...)); err != nil {
		return nil, errors.New("tpm: the parent is no point of P-256")
	}
	return area, nil
}

// grantArea is the key that signs grants: ECDSA with SHA-256.
func grantArea(key *ecdsa.PublicKey) (*tpm2.TPMTPublic, error) {
	point, err := key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("tpm: grant key: %w", err)
	}
	if key.Curve != elliptic.P256() {
		return nil, errors.New("tpm: the grant key is not of P-256")
	}
	return &tpm2.TPMTPublic{
		Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{SignEncrypt: true, UserWithAuth: true},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
			CurveID: tpm2.TPMECCNistP256,
			Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA,
				Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})},
		}),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
			X: tpm2.TPM2BECCParameter{Buffer: point[1 : 1+coordinate]}, Y: tpm2.TPM2BECCParameter{Buffer: point[1+coordinate:]}}),
	}, nil
}

// An index counts the uses of one PIN key: 8 bytes, count and limit, both big endian. Its
// name, and so whatever depends on it, changes when it is written for the first time.
type index struct {
	area     tpm2.TPMSNVPublic // as it is defined
	branches [2][]byte         // of its policy: write by a grant, read by anybody
	grantKey *tpm2.TPMTPublic
	fresh    tpm2.TPM2BName // before the first write
	written  tpm2.TPM2BName
}

// indexArea is an index that counts. NT_PIN_PASS: each use of its (empty) password counts, in
// NV memory, before what uses it is done; there is none when the count has reached the limit.
// Writing it, and reading it without counting, takes the policy. It is never ORDERLY, or a
// power cut would lose the count.
func indexArea(handle tpm2.TPMHandle, policy []byte) tpm2.TPMSNVPublic {
	return tpm2.TPMSNVPublic{
		NVIndex: handle, NameAlg: tpm2.TPMAlgSHA256, DataSize: 8,
		Attributes: tpm2.TPMANV{NT: tpm2.TPMNTPinPass, PolicyWrite: true, PolicyRead: true, AuthRead: true, NoDA: true},
		AuthPolicy: tpm2.TPM2BDigest{Buffer: policy},
	}
}

// indexOf returns the index whose limit only this grant key raises, for this Ref.
func indexOf(grantKey *ecdsa.PublicKey, ref *wire.TPMRef) (*index, error) {
	area, err := grantArea(grantKey)
	if err != nil {
		return nil, err
	}
	i := &index{grantKey: area, branches: [2][]byte{
		policy(tpm2.PolicySigned{AuthObject: tpm2.NamedHandle{Name: objectName(area)}, PolicyRef: tpm2.TPM2BNonce{Buffer: ref[:]}}),
		policy(tpm2.PolicyCommandCode{Code: tpm2.TPMCCNVRead}),
	}}
	i.area = indexArea(indexHandle, policy(or(i.branches[:])))
	i.fresh = indexName(i.area)
	written := i.area
	written.Attributes.Written = true
	i.written = indexName(written)
	return i, nil
}

// pinArea is the PIN key: usable for TPM2_HMAC alone, and each time for one use of the
// index. Without the command's code one use would do for any number of sequences
// (TPM2_HMAC_Start), whose contexts can be saved.
func pinArea(i *index, unique []byte) *tpm2.TPMTPublic {
	area := hmacArea(unique)
	area.ObjectAttributes.AdminWithPolicy = true
	area.AuthPolicy.Buffer = policy(
		tpm2.PolicySecret{AuthHandle: tpm2.NamedHandle{Handle: indexHandle, Name: i.written}},
		tpm2.PolicyCommandCode{Code: tpm2.TPMCCHMAC})
	return area
}

// cardArea is the card key, which anybody may use.
func cardArea(unique []byte) *tpm2.TPMTPublic {
	area := hmacArea(unique)
	area.ObjectAttributes.UserWithAuth = true
	return area
}

func hmacArea(unique []byte) *tpm2.TPMTPublic {
	return &tpm2.TPMTPublic{
		Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{SignEncrypt: true, NoDA: true},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgKeyedHash, &tpm2.TPMSKeyedHashParms{
			Scheme: tpm2.TPMTKeyedHashScheme{Scheme: tpm2.TPMAlgHMAC,
				Details: tpm2.NewTPMUSchemeKeyedHash(tpm2.TPMAlgHMAC, &tpm2.TPMSSchemeHMAC{HashAlg: tpm2.TPMAlgSHA256})}}),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BDigest{Buffer: unique}),
	}
}

// parseKey returns the public area with this encoding, which must be exactly what area
// makes of its last bytes.
func parseKey(public []byte, area func(unique []byte) *tpm2.TPMTPublic) (*tpm2.TPMTPublic, error) {
	if len(public) < uniqueSize {
		return nil, fmt.Errorf("a public area of %d bytes", len(public))
	}
	want := area(bytes.Clone(public[len(public)-uniqueSize:]))
	if !bytes.Equal(tpm2.Marshal(*want), public) {
		return nil, errors.New("not for this budget's index, or not the kind of key that a reader takes")
	}
	return want, nil
}

// policy returns the digest of a policy's steps, without a TPM.
func policy(steps ...interface {
	Update(*tpm2.PolicyCalculator) error
}) []byte {
	calculator, err := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	for _, step := range steps {
		if err == nil {
			err = step.Update(calculator)
		}
	}
	if err != nil {
		panic(err) // only of an unknown hash algorithm
	}
	return calculator.Hash().Digest
}

func or(branches [][]byte) tpm2.PolicyOr {
	var list tpm2.TPMLDigest
	for _, branch := range branches {
		list.Digests = append(list.Digests, tpm2.TPM2BDigest{Buffer: branch})
	}
	return tpm2.PolicyOr{PHashList: list}
}

func objectName(area *tpm2.TPMTPublic) tpm2.TPM2BName {
	name, err := tpm2.ObjectName(area)
	if err != nil {
		panic(err) // only of an unknown hash algorithm
	}
	return *name
}

// nameOf returns the name of the object with this TPMT_PUBLIC, which is hashed with SHA-256
// (Part 1, "Names").
func nameOf(public []byte) []byte {
	hash := sha256.Sum256(public)
	return append([]byte{byte(tpm2.TPMAlgSHA256 >> 8), byte(tpm2.TPMAlgSHA256)}, hash[:]...)
}

func indexName(area tpm2.TPMSNVPublic) tpm2.TPM2BName {
	name, err := tpm2.NVName(&area)
	if err != nil {
		panic(err) // only of an unknown hash algorithm
	}
	return *name
}
