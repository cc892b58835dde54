/* Nothing: a test that has parameters is not run elsewhere. */
