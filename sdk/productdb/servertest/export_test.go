package servertest

// Within is within, for its test.
var Within = within
