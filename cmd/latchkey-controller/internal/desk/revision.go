package desk

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// revision identifies the state of a form's fields: it differs if one of them has
// changed.
func revision(fields any) string {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err) // impossible: texts and numbers only
	}
	hash := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(hash[:16])
}

// changedMeanwhile refuses a form for something that has changed since the form was
// opened.
func changedMeanwhile(what string) *FieldError {
	return wrong(what, fmt.Sprintf("Somebody else has changed this %s; check it again", what))
}
