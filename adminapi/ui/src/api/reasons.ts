/** What a reason code means for an operator. */
export interface Reason {
  /** What happened. */
  what: string;
  /** Why that commonly is. */
  why: string;
  /** What to do next. */
  todo: string;
}

/** Reasons of secret providers, and below those of runs. */
const reasons: Record<string, Reason> = {
  NOT_FOUND: {
    what: "The store has no secret of that ref.",
    why: "It was never set there, its ref is spelled differently where it is used, or services use different stores.",
    todo: "Set the secret on the page Secrets, or correct the ref where it is used.",
  },
  DELETED: {
    what: "The secret was deleted, and its name stays taken until it is purged.",
    why: "Somebody deleted it here or in the store, which keeps deleted secrets for a while.",
    todo: "Recover it on the page Secrets or in its store, or set it anew after it has been purged there.",
  },
  DISABLED: {
    what: "The secret is there, but its store was told not to serve it.",
    why: "Somebody switched this version off in the store.",
    todo: "Enable the secret in its store, or set a new value.",
  },
  EXPIRED: {
    what: "The secret is past its expiry.",
    why: "It was given an end when it was set, and nobody has rotated it since.",
    todo: "Set a new value; the old one is past its expiry.",
  },
  NOT_YET_VALID: {
    what: "The secret is not valid yet.",
    why: "It was given a beginning in the future, or a clock is wrong.",
    todo: "Wait until the secret becomes valid, or change that in its store.",
  },
  ACCESS_DENIED: {
    what: "The store knows who asks and refuses this.",
    why: "The identity of this service lacks a right there.",
    todo: "Give the identity that this service uses the missing right on the secret store.",
  },
  AUTH_FAILED: {
    what: "The store did not accept who asks.",
    why: "The identity's own credential is wrong or expired, or the identity is gone.",
    todo: "Check the identity that this service signs in with at the secret store.",
  },
  UNDECRYPTABLE: {
    what: "The value is there, but cannot be opened on this host.",
    why: "It was sealed on another host, for another account or with another key.",
    todo: "It was sealed on another host or with another key: set the secret again on this host.",
  },
  CORRUPT: {
    what: "What the store has is no whole secret.",
    why: "It was changed or cut outside of this product.",
    todo: "Set the secret again.",
  },
  CONFIG_INVALID: {
    what: "A part of the configuration is wrong.",
    why: "A key has a value that cannot be used; the words beside this name it.",
    todo: "Correct the configuration that the text names: that of the secret provider (and reload it then), or that of the connector.",
  },
  THROTTLED: {
    what: "The store asks for fewer requests.",
    why: "Too many requests reached it in a short time, from here or from elsewhere.",
    todo: "The secret store asks for fewer requests; wait, then try again.",
  },
  UNAVAILABLE: {
    what: "The store did not answer.",
    why: "It is down, or the network or a proxy between does not let this host reach it.",
    todo: "Check that the secret store is up and reachable from this host.",
  },
  TIMEOUT: {
    what: "No answer came in time.",
    why: "The store or the network is slow. What was asked may have been done all the same.",
    todo: "Look at the secret's version before you try again: the write may have happened.",
  },
  VERSION_CONFLICT: {
    what: "The secret is not at the version that you saw.",
    why: "Somebody else changed it meanwhile.",
    todo: "Somebody else changed it; load it again and decide anew.",
  },
  ALREADY_EXISTS: {
    what: "There is a secret of that ref already.",
    why: "It was set before, here or in the store.",
    todo: "Rotate that one instead, or choose another ref.",
  },
  TOO_LARGE: {
    what: "The value is larger than the store takes.",
    why: "Stores have limits of their own: Azure Key Vault takes 25 KB, for example.",
    todo: "The store takes no value of that size.",
  },
  INVALID_REF: {
    what: "The ref is not spelled as refs are.",
    why: "Something is missing or is not allowed in it.",
    todo: "A ref begins with secret:// and names the secret, as in secret://ad/svc/password.",
  },
  UNSUPPORTED: {
    what: "The secret provider cannot do this.",
    why: "The store behind it has nothing of the kind.",
    todo: "Do it in the store itself, or use a provider that can.",
  },
  CANCELLED: {
    what: "It was stopped before it was done.",
    why: "Somebody cancelled it, or a service was shut down.",
    todo: "Start it again.",
  },
  INTERNAL: {
    what: "Something went wrong that should never go wrong.",
    why: "It is a defect; the log has the details.",
    todo: "Look in the log of the service at that time, and report what it says.",
  },
  CONNECTED_SYSTEM: {
    what: "The connected directory or database refused or failed.",
    why: "The text is its own: a wrong password, a missing right, a name that it lacks, or no connection.",
    todo: "Mend what the text names, then press Test on the connector.",
  },
  DATABASE: {
    what: "The product database failed.",
    why: "It is down, full or unreachable for this engine.",
    todo: "Check the product database; then run again. What was committed before stays.",
  },
  RUN_TIMEOUT: {
    what: "The run took longer than it may.",
    why: "The source is slow or larger than before, or the limit is too low.",
    todo: "Look at how long earlier runs took; raise Engine:RunTimeout if the source is just large.",
  },
  EMPTY_SOURCE: {
    what: "A full import found nothing where there was something before.",
    why: "A filter, a base or a right was changed at the source. Nothing was removed here, in case it is a mistake.",
    todo: "Check the connector's base, filter or query with Test, then run again.",
  },
  LEASE_LOST: {
    what: "Another engine holds this connector now.",
    why: "This one was not heard of for a while, so another took over.",
    todo: "Nothing, if the other engine's run succeeds. Otherwise check this engine's clock and its way to the database.",
  },
};

/** What a reason means; undefined for one that this page does not know. */
export function reasonOf(code: string | undefined): Reason | undefined {
  return code === undefined ? undefined : reasons[code];
}
