"""intake 受理, the only ear: the district's register, the partner-event gate and its verdicts,
requests 诉求 and contributions. It counts no points and sends no messages.
"""
