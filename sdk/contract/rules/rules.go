// Package rules holds what the contract asks of an answer, once for both sides
// of the plugin boundary: the host's facade refuses what breaks a rule, and the
// SDK refuses it before it leaves the plugin, so that an author learns of it
// first.
//
// It looks at the types of the domain and knows nothing of what travels; what
// only exists there (unknown fields, times that are none) is for the facade,
// which finds the sentences here. Start reading at [Rule] and [Metadata].
package rules

// Rule is a sentence of the contract that an answer can break. [None] is broken
// by nothing.
type Rule int

// The rules, in the order of the pages of docs/spec.
const (
	None Rule = iota

	MessageTooLarge
	MessageUnreadable
	RefMalformed

	InfoName
	InfoVersion
	InfoCommit
	InfoLimits
	InfoCapabilities
	InfoSchema
	ClaimNotServed
	DiagnosticsTooMany
	DiagnosticMalformed
	ReportTooLong
	ReportMalformed

	MetadataMissing
	MetadataUnknown
	NameMissing
	NameForeign
	VersionMissing
	NameText
	VersionText
	TagText
	TagsTooMany
	TimeInvalid

	DescribeRef
	ListPageSize
	ListTwice
	ListToken
	ListTokenLoop
	ListComplete
	ListVersionsRef
	ListVersionsTwice

	GetRef
	GetVersion
	GetValueMissing
	GetValueTooLarge

	SetRef
	SetName
	SetExpiry
	RecoverRef

	end
)

type entry struct{ text, spec string }

var entries = [...]entry{
	MessageTooLarge:   {"the answer is larger than 4 MiB", "README.md#messages-are-within-four-mebibytes"},
	MessageUnreadable: {"the answer is no message of this contract", "README.md#answer-is-a-message-of-the-contract"},
	RefMalformed:      {"a ref is longer than 4 KiB, no UTF-8, or has control characters", "README.md#ref-is-checked-and-never-changed"},

	InfoName:            {"name must be 1 to 64 characters of [a-z0-9-]", "plugin.md#getinfo-is-well-formed"},
	InfoVersion:         {"version must be a semantic version without a leading v, of at most 64 bytes", "plugin.md#getinfo-is-well-formed"},
	InfoCommit:          {"commit is longer than 64 bytes or has control characters", "plugin.md#getinfo-is-well-formed"},
	InfoLimits:          {"limits exceed those of the contract, or calls_per_second is no number from 0", "plugin.md#getinfo-is-well-formed"},
	InfoCapabilities:    {"capabilities are claimed twice, or one without the capability that it is part of", "plugin.md#capabilities-agree-with-each-other"},
	InfoSchema:          {"config_schema breaks its rules", "plugin.md#config-schema-is-well-formed"},
	ClaimNotServed:      {"UNSUPPORTED for a call that the plugin has to serve, or claims to", "plugin.md#claimed-capability-is-served"},
	DiagnosticsTooMany:  {"more than 100 diagnostics", "plugin.md#diagnostics-are-well-formed"},
	DiagnosticMalformed: {"a diagnostic has no severity, no summary, or texts that are too long or have control characters", "plugin.md#diagnostics-are-well-formed"},
	ReportTooLong:       {"more than 32 results", "plugin.md#check-report-is-well-formed"},
	ReportMalformed:     {"a result has no name, a latency that is none, or a text of the report is too long or has control characters", "plugin.md#check-report-is-well-formed"},

	MetadataMissing: {"the metadata is missing", "metadata.md#metadata-is-present"},
	MetadataUnknown: {"fields that the contract does not have hold more than 4 KiB, where a value could travel", "metadata.md#metadata-holds-no-value"},
	NameMissing:     {"the name is missing", "metadata.md#metadata-is-present"},
	NameForeign:     {"the name has the form of a mapped one and is that of another ref", "README.md#name-is-the-hash-of-the-ref"},
	VersionMissing:  {"the version is missing", "metadata.md#version-is-never-empty"},
	NameText:        {"the name is longer than 4 KiB, no UTF-8, or has control characters", "metadata.md#metadata-is-short-text"},
	VersionText:     {"the version is longer than 256 bytes, no UTF-8, or has control characters", "metadata.md#metadata-is-short-text"},
	TagText:         {"a tag is longer than 512 bytes, no UTF-8, or has control characters", "metadata.md#metadata-is-short-text"},
	TagsTooMany:     {"more than 50 tags", "metadata.md#metadata-is-short-text"},
	TimeInvalid:     {"a time is outside of the years 1 to 9999", "metadata.md#times-are-valid"},

	DescribeRef:       {"the ref is not the one that was asked for", "metadata.md#describe-returns-the-ref-that-was-asked"},
	ListPageSize:      {"more items than the page that was asked for", "metadata.md#list-page-is-no-larger-than-asked"},
	ListTwice:         {"a page has the same name twice", "metadata.md#list-page-holds-no-name-twice"},
	ListToken:         {"next_page_token is longer than 4 KiB, no UTF-8, or has control characters", "metadata.md#list-token-is-short-text"},
	ListTokenLoop:     {"next_page_token is the one of the page itself", "metadata.md#list-token-is-not-that-of-its-own-page"},
	ListComplete:      {"complete is set before the last page, or without LIST_COMPLETE", "metadata.md#list-complete-proves-every-secret"},
	ListVersionsRef:   {"the ref is not the one that was asked for", "metadata.md#listversions-items-have-the-ref-that-was-asked"},
	ListVersionsTwice: {"a page has the same version twice", "metadata.md#listversions-page-holds-no-version-twice"},

	GetRef:           {"the ref is not the one that was asked for", "value.md#get-returns-the-ref-that-was-asked"},
	GetVersion:       {"the version is not the one that was asked for", "value.md#get-returns-the-version-that-was-asked"},
	GetValueMissing:  {"the value is missing", "value.md#get-value-is-present-even-when-empty"},
	GetValueTooLarge: {"the value is larger than 1 MiB", "value.md#get-value-is-within-the-limit"},

	SetRef:     {"the ref is not the one that was asked for", "write.md#set-returns-the-new-version"},
	SetName:    {"the name is not the one of the ref", "README.md#name-is-the-hash-of-the-ref"},
	SetExpiry:  {"the expiry is not the one that was asked for", "write.md#set-keeps-the-expiry"},
	RecoverRef: {"the ref is not the one that was asked for", "write.md#recover-brings-back-the-old-value"},
}

// All returns every rule.
func All() []Rule {
	var all []Rule
	for r := None + 1; r < end; r++ {
		all = append(all, r)
	}
	return all
}

// String returns the sentence that says what was broken. It quotes nothing.
func (r Rule) String() string { return entries[r].text }

// Spec returns where the specification says so, as in
// docs/spec/value.md#get-returns-the-ref-that-was-asked.
func (r Rule) Spec() string { return "docs/spec/" + entries[r].spec }
