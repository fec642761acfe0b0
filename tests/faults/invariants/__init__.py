"""The invariants, each a predicate over records: journals, the logbook, the clients' histories, tables and rights.

    findings    what a check comes to: violations by number, and the columns of the table
    log         I1 to I4: what was committed is in the log, once and in order
    timelines   what each selection had to show at each position
    epochs      which log an opaque epoch stands for
    views       I4 to I9: what clients were told, held against the timelines
    coming_back I10 to I12, and how many resumes were resumes

Pure. May import: records (images, journal, logbook, history, rights), nothing that runs and nothing of the product.
"""
