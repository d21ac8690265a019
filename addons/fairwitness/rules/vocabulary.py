"""The words by which paths, fields and forms say what they are about; singular and lower case."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NO_OBJECT = _words("api date day limit month offset page per rest size step tab v year")
"""Kinds whose numbers count or date, and name nothing."""

NO_FIELD = _words(
    """
    after app application before build client correlation cursor device end event fbcl first from gcl
    last locale max min msclk next page parent phone prev r request s session since site start store
    tenant trace tracking transaction until version visitor widget
    """
)
"""What stands before ``_id`` where the id is of a program, a place or a moment."""

PEOPLE = _words(
    """
    account author contact customer employee login member owner patient people person profile student
    uid user username
    """
)
"""Kinds whose objects are persons, whose ids may be names."""

SELF = _words("account currentuser me mine my myaccount profile self settings viewer")
"""Words in a path that mean whoever is signed in."""

VERBS = _words(
    """
    add archive cancel change clear close create deactivate delete destroy disable drop edit erase new
    purge remove save show submit terminate trash truncate unlink update upsert view wipe
    """
)
"""Words that say what is done and not to what."""

PRIVATE = _words(
    """
    address apikey booking card cart draft invoice message notification order payment paymentmethod
    reservation subscription ticket upload wishlist
    """
)
"""Kinds of which a list without a name before it is that of whoever is signed in."""

STAFF = _words("admin administrator backoffice manage management staff")
"""Words in the paths of those who see everybody's."""

WITH_PROFILE = _words("auth login me profile session signin token user userinfo whoami")
"""Last words of paths that answer who is signed in."""

OWNER = _words(
    """
    account accountid author authoremail authorid createdby createdbyid creator creatorid customer
    customeremail customerid email login owner owneremail ownerid ownername postedby seller sellerid
    sender senderid user useremail userid username
    """
)
"""Fields that say whose an entry is."""

NAMES = _words("email emailaddress handle login preferredusername username")
"""Fields with a name or an address of a person."""

SAFE = _words("CONNECT GET HEAD OPTIONS PROPFIND REPORT SEARCH TRACE")
"""Methods that change nothing."""

DESTROY = _words(
    """
    deactivate delete destroy drop erase nuke obliterate purge remove shred terminate trash truncate
    wipe
    """
)
"""Words that destroy whatever they stand with."""

HARMLESS = _words(
    """
    autosave badge bag banner basket block bookmark cache cart checkout compare comparison consent
    cookie coupon csrf discount facet favorite favourite filter flash follow follower following
    impersonation like lock login logout mute newsletter notice notification pin
    presence promo push reaction recent save search session signin signout star suggestion
    toast tooltip typing unread upvote vote voucher watch watcher wishlist
    """
)
"""What one takes away from one's own screen or basket, and gets back with a click."""

ACTION_NAMES = _words(
    """
    _action _method a act action bulkaction cmd command do method mode op operation task
    """
)
"""Fields of forms that say what to do."""

BUTTONS = _words("_delete delete destroy remove")
"""Buttons of forms that delete."""

BASKETS = _words("bag basket cart checkout compare wishlist")
"""What holds things that are not taken yet; what lies below it goes with a click."""

ROUTES = _words(
    """
    active all autocomplete confirm count csv current details edit export exists filter find forgot
    forgotpassword import index invite list login logout lookup oauth password passwordreset recent
    register reset search signin signout signup sso stats suggest unlock validate verify
    """
)
"""What stands after ``users`` and is nobody's name."""

PROBES = _words(
    """
    available availability check exist exists find forgot forgotten identify lookup recover recovery
    reset taken unique validate
    """
)
"""Words in the paths of forms that tell whether a name is there."""

GUARDED = (
    PEOPLE
    | PRIVATE
    | _words(
        """
        application appointment attachment bill case certificate chat claim contract conversation
        credential device document dossier download export file identity inbox inquiry key letter
        loan mail mailbox medicalrecord note offer parcel passport payout policy prescription
        purchase quote receipt record refund report result salary secret shipment statement
        submission thread token transaction transfer trip wallet
        """
    )
)
"""Kinds that belong to somebody; products, posts and pages are there for everybody."""

PURCHASES = _words("buy pay paynow placeorder purchase topup upgrade")
"""Words that cost whatever they stand with."""

SOLD = _words(
    "billing charge checkout deposit donation licence license membership order payment plan premium"
    " subscribe subscription trial"
)
"""What is paid for, or what paying is called."""

PAYS_BY = _words(
    """
    billingcycle billingperiod cardcvc cardnumber cardtoken cccsc ccnumber creditcard cvc cvv cvv2
    expmonth payment paymentmethod paymentmethodid paymentmethodnonce paymentsource paymenttoken plan
    planid planname priceid stripetoken tier
    """
)
"""Fields of forms that say what it is paid with, or which plan is wanted."""

NO_PURCHASE = _words(
    """
    address browser calculate cancel cart check coupon database discount downgrade estimate filter
    firmware history newsletter notification package preview price pricing promo push quote refund
    return review schema search setup shipping track tracking validate version voucher webhook
    """
)
"""What stands beside these words and costs nothing."""

TRACES = _words(
    """
    analytics auth beacon collect csp event heartbeat impression log metric metrics ping rum telemetry
    trace track view
    """
)
"""What applications write down about their visitors by themselves."""
