"""Results as pictures: what is drawn is said in a report's head or chosen from the columns, and drawn by Vega-Lite."""
